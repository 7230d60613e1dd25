"""The table of a run, of however many rows: what is in view, and what it follows."""

from __future__ import annotations

from pathlib import Path

import pytest
from piloting import eventually, settle
from runsondisk import STARTED, create, write
from textual.pilot import Pilot

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import RunResumed, TrainLogged
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainingtable import TrainingTable
from stplay.screens.train.trainscreen import TrainScreen

pytestmark = pytest.mark.usefixtures("home", "without_form")

ROWS = 20_000


def logged(step: int) -> TrainLogged:
    return TrainLogged(time=float(step), step=step, epoch=step / ROWS, loss=1.0, learning_rate=0)


@pytest.fixture
def long_run(home: Path) -> Run:
    return write(create("long"), STARTED, *map(logged, range(1, ROWS + 1)))


async def open_run(pilot: Pilot[None], run: Run) -> RunView:
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(run)
    return screen.query_one(RunView)


def in_view(table: TrainingTable) -> list[str]:
    """The steps that are in view."""
    lines = (table.render_line(y).text.split() for y in range(1, table.size.height))
    return [line[1] for line in lines if line]


async def test_rows_in_view_are_those_around_the_cursor(long_run: Run) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        view = await open_run(pilot, long_run)
        table = view.table
        await eventually(pilot, lambda: view.shows_all and table.size.height > 20)
        assert table.row_count == ROWS
        await eventually(pilot, lambda: in_view(table)[-1] == "20,000")
        room = len(in_view(table))
        await pilot.press("pageup")
        await eventually(pilot, lambda: f"{ROWS - room:,}" in in_view(table))
        await pilot.press("home")
        await eventually(pilot, lambda: in_view(table)[:2] == ["1", "2"])
        await pilot.press("down", "down")
        assert (table.cursor_row, table.step) == (2, 3)
        assert await pilot.click(table, (5, 10))
        assert table.step == 10
        await pilot.press("end")
        await eventually(pilot, lambda: in_view(table)[-1] == "20,000")
        assert table.step is None


async def test_it_follows_what_is_newest_and_stays_where_somebody_looks(long_run: Run) -> None:
    writer = EventWriter(long_run.events_path)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        view = await open_run(pilot, long_run)
        table = view.table
        await eventually(pilot, lambda: view.shows_all and table.size.height > 20)
        writer.write(logged(ROWS + 1))
        await eventually(pilot, lambda: table.row_count == ROWS + 1)
        await eventually(pilot, lambda: in_view(table)[-1] == "20,001")
        table.move_to_step(500)
        await eventually(pilot, lambda: "500" in in_view(table))
        seen = in_view(table)
        writer.write(logged(ROWS + 2))
        await eventually(pilot, lambda: table.row_count == ROWS + 2)
        assert in_view(table) == seen
        assert table.cursor_row == 499
        writer.write(RunResumed(step=100))
        await eventually(pilot, lambda: table.row_count == 100)
        assert table.cursor_row == 99, "what it stood on is no more"
        await eventually(pilot, lambda: "100" in in_view(table))
    writer.close()


async def test_keys_are_answered_while_a_long_log_is_read(
    long_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_key: list[bool] = []
    monkeypatch.setattr(RunView, "toggle_worker_log", lambda view: at_key.append(view.shows_all))
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        view = await open_run(pilot, long_run)
        pilot.app.simulate_key("l")
        await eventually(pilot, lambda: view.shows_all and bool(at_key))
        assert at_key == [False]
