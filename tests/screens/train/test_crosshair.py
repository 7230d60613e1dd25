"""A step that is looked at: by the cursor of the table, and by a line in all charts."""

from __future__ import annotations

from pathlib import Path

import pytest
from piloting import eventually, settle
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widget import Widget

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import TrainLogged
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.chart import Chart
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainscreen import TrainScreen

pytestmark = pytest.mark.usefixtures("home", "without_form")

SIZE = (200, 60)


async def open_run(pilot: Pilot[None]) -> RunView:
    """The finished run's view, the focus on its table."""
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(Run.find("done"))
    await settle(pilot)
    view = screen.query_one(RunView)
    await eventually(pilot, lambda: view.shows_all and bool(view.charts.size))
    return view


def legend(view: RunView, title: str = "loss") -> str:
    (chart,) = (chart for chart in view.charts.query(Chart) if chart.title == title)
    return str(chart.legend.render())


def lines(view: RunView) -> list[list[float]]:
    """Where the line of the crosshair is in each chart that is shown."""
    shown = (chart for chart in view.charts.query(Chart) if chart.display)
    return [[line.x for line in chart.plot._v_lines] for chart in shown]


async def test_the_tables_cursor_is_the_crosshair_of_all_charts(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        view = await open_run(pilot)
        assert legend(view) == "loss   ━ train 0.15   ━ dev 0.145"
        assert not any(lines(view)), "the newest row is followed"
        await pilot.press("up", "up")
        await eventually(pilot, lambda: view.charts.step == 1800)
        assert legend(view) == "loss at step 1,800   ━ train 0.1667   ━ dev 0.1611"
        assert lines(view) == [[1800.0]] * 7
        assert legend(view, "memory of the process").endswith("━ -"), "it was measured later"
        await pilot.press("end")
        await eventually(pilot, lambda: not any(lines(view)))
        assert legend(view) == "loss   ━ train 0.15   ━ dev 0.145"


async def test_what_was_measured_before_is_said_to_be_so(home: Path) -> None:
    run = finished_run(steps=3)
    writer = EventWriter(run.events_path)
    for step in (310, 320):
        writer.write(TrainLogged(step=step, epoch=3.1, loss=0.5, learning_rate=0))
    async with StplayApp().run_test(size=SIZE) as pilot:
        view = await open_run(pilot)
        await pilot.press("up")
        await eventually(pilot, lambda: view.charts.step == 310)
        assert legend(view) == "loss at step 310   ━ train 0.5   ━ dev ~0.9667"


async def test_keys_in_a_chart_move_the_tables_cursor(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        view = await open_run(pilot)
        view.charts.take_focus()
        await pilot.press("x")
        await eventually(pilot, lambda: view.charts.step == 1000)
        assert view.table.cursor_row == 9
        await pilot.press("right", "right")
        await eventually(pilot, lambda: view.table.cursor_row == 11)
        await pilot.press("left")
        await eventually(pilot, lambda: view.charts.step == 1100)
        await pilot.press("x")
        await eventually(pilot, lambda: view.charts.step is None)
        assert view.table.cursor_row == 19


async def test_a_click_in_a_chart_moves_the_tables_cursor(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        view = await open_run(pilot)
        plot = view.charts.query(Chart)[2].plot
        canvas = plot.query_one("#plot", Widget)
        column, _ = plot.get_pixel_from_coordinate(700, 0)
        assert await pilot.hover(canvas, (column, 4))
        assert view.charts.step is None, "there is no crosshair that could follow"
        assert await pilot.click(canvas, (column, 4))
        await eventually(pilot, lambda: view.charts.step == 700)
        assert view.table.cursor_row == 6
        later, _ = plot.get_pixel_from_coordinate(1500, 0)
        assert await pilot.hover(canvas, (later, 4))
        await eventually(pilot, lambda: view.charts.step == 1500)


async def test_rows_that_come_leave_the_crosshair_where_it_is(home: Path) -> None:
    run = finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        view = await open_run(pilot)
        await pilot.press("up")
        await eventually(pilot, lambda: view.charts.step == 1900)
        EventWriter(run.events_path).write(
            TrainLogged(step=2100, epoch=1.1, loss=0.5, learning_rate=0)
        )
        await eventually(pilot, lambda: view.table.row_count == 21)
        assert view.table.cursor_row == 18
        assert legend(view).startswith("loss at step 1,900")


async def test_it_stands_at_the_epoch_and_the_time_of_its_step(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        view = await open_run(pilot)
        await pilot.press("home")
        view.charts.take_focus()
        await pilot.press("t")
        await eventually(pilot, lambda: lines(view) == [[0.05]] * 7)
        await pilot.press("t")
        await eventually(pilot, lambda: lines(view) == [[1.0]] * 7)
        await pilot.press("right")
        await eventually(pilot, lambda: view.charts.step == 200)
