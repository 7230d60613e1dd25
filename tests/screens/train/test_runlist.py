"""The list of runs on the Train screen, driven key by key."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from finishedevaluations import finished
from piloting import eventually, settle, settle_dialog, text_of
from runsondisk import COMPLETED, STARTED, create, worker_of, write
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widgets import DataTable

from stplay.jobs.events import StageProgressed
from stplay.runs import runnote
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.linestyles import LINE_STYLES
from stplay.screens.train.newrun import NewRun
from stplay.screens.train.runlist import RunList
from stplay.screens.train.runview import RunView


@asynccontextmanager
async def opened(size: tuple[int, int] = (120, 40)) -> AsyncIterator[Pilot[None]]:
    """The app with the list of runs open."""
    async with StplayApp().run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        yield pilot


def rows(pilot: Pilot[None]) -> list[list[str]]:
    table = pilot.app.screen.query_one("#runs-table", DataTable)
    return [[cell.plain.strip() for cell in table.get_row_at(n)] for n in range(table.row_count)]


def names(pilot: Pilot[None]) -> list[str]:
    return [row[1] for row in rows(pilot)]


def titles(pilot: Pilot[None]) -> list[str]:
    columns = pilot.app.screen.query_one("#runs-table", DataTable).ordered_columns
    return [str(column.label).strip() for column in columns][1:]


def shown(pilot: Pilot[None]) -> str:
    return next(type(each).__name__ for each in pilot.app.screen.query("#room > *") if each.display)


@pytest.fixture
def _runs(home: Path) -> None:
    for name, steps in (("long", 9), ("short", 2), ("middle", 5)):
        finished_run(name, steps=steps)


@pytest.mark.usefixtures("_runs")
async def test_enter_opens_and_escape_goes_back_to_what_was_there() -> None:
    async with opened() as pilot:
        assert names(pilot) == ["middle", "short", "long"]
        await pilot.press("escape")
        await eventually(pilot, lambda: shown(pilot) == NewRun.__name__)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("down", "enter")
        await eventually(pilot, lambda: shown(pilot) == RunView.__name__)
        run = pilot.app.screen.query_one(RunView).run
        assert run is not None
        assert run.id == "short"
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("escape")
        await eventually(pilot, lambda: shown(pilot) == RunView.__name__)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("n")
        await eventually(pilot, lambda: shown(pilot) == NewRun.__name__)


@pytest.mark.usefixtures("_runs")
async def test_it_is_sorted_by_key_and_by_click() -> None:
    async with opened() as pilot:
        assert not any("▲" in title or "▼" in title for title in titles(pilot))
        await pilot.press("s")
        await eventually(pilot, lambda: names(pilot) == ["long", "middle", "short"])
        assert titles(pilot)[0] == "Run ▲"
        await pilot.press("s", "s")
        await eventually(pilot, lambda: titles(pilot)[2] == "Step ▼")
        assert names(pilot) == ["long", "middle", "short"]
        table = pilot.app.screen.query_one("#runs-table", DataTable)
        place = sum(column.get_render_width(table) for column in table.ordered_columns[:3])
        await pilot.click("#runs-table", offset=(place + 2, 0))
        await eventually(pilot, lambda: titles(pilot)[2] == "Step ▲")
        assert names(pilot) == ["short", "middle", "long"]
        for _ in titles(pilot):
            await pilot.press("s")
        await eventually(pilot, lambda: names(pilot) == ["middle", "short", "long"])


@pytest.mark.usefixtures("_runs")
async def test_the_filter_narrows_while_one_types_and_complains_at_its_field() -> None:
    runnote.write(Run.find("long").folder, "#baseline")
    async with opened() as pilot:
        await pilot.press("slash", *"step>200")
        await eventually(pilot, lambda: names(pilot) == ["middle", "long"])
        assert text_of(pilot, "#runs-total") == "2 of 3 runs"
        await pilot.press(*"x")
        complaint = "step is compared with a number, not with '200x'"
        await eventually(pilot, lambda: complaint in text_of(pilot, "#runs-filter-complaint"))
        assert len(names(pilot)) == 3, "nothing is hidden by a mistake"
        await pilot.press("backspace", *" #base")
        await eventually(pilot, lambda: names(pilot) == ["long"])
        await pilot.press("escape", "enter")
        await eventually(pilot, lambda: shown(pilot) == RunView.__name__)


@pytest.mark.usefixtures("_runs")
async def test_a_filter_that_no_run_fulfils_says_so() -> None:
    async with opened() as pilot:
        await pilot.press("slash", *"nothing")
        await eventually(pilot, lambda: names(pilot) == [])
        assert text_of(pilot, "#runs-hint") == "No run is so."
        await pilot.press("enter", "space", "c", "y")
        assert shown(pilot) == RunList.__name__


async def test_it_is_live_and_keeps_the_cursor_on_its_run(home: Path) -> None:
    finished_run("done")
    run = write(create("busy"), worker_of(psutil.Process()), STARTED)
    async with opened() as pilot:
        view = pilot.app.screen.query_one(RunList)
        assert [row[1:4] for row in rows(pilot)] == [
            ["busy", "● running", "0 of 400"],
            ["done", "✓ finished", "300 of 300"],
        ]
        assert view.run_at_cursor == "busy"
        write(run, StageProgressed(stage="training", done=9, total=400))
        await eventually(pilot, lambda: rows(pilot)[0][3] == "9 of 400")
        finished_run("new")
        await eventually(pilot, lambda: names(pilot) == ["new", "busy", "done"])
        assert view.run_at_cursor == "busy"
        write(run, COMPLETED)
        await eventually(pilot, lambda: rows(pilot)[0][1:3] == ["busy", "✓ finished"])
        assert view.run_at_cursor == "busy"


async def test_an_empty_list_teaches(home: Path) -> None:
    async with opened(size=(80, 24)) as pilot:
        assert "No runs yet." in text_of(pilot, "#runs-empty")
        assert not pilot.app.screen.query_one("#runs-table").display
        runs = pilot.app.screen.query_one(RunList)
        pilot.app.screen.set_focus(None)
        await eventually(pilot, lambda: not runs.has_focus)
        runs.empty.display, runs.table.display, runs.can_focus = False, True, False
        runs.show()  # it is found empty before it has the focus that it is to get
        await eventually(pilot, lambda: runs.has_focus)
        finished_run("first")
        await eventually(pilot, lambda: names(pilot) == ["first"])
        assert not text_of(pilot, "#runs-empty")


@pytest.mark.usefixtures("_runs")
async def test_a_narrow_terminal_says_what_it_has_no_room_for() -> None:
    async with opened(size=(80, 24)) as pilot:
        assert titles(pilot)[:2] == ["Run", "Status"]
        assert "No room here for: " in text_of(pilot, "#runs-hint")
        assert "Base" in text_of(pilot, "#runs-hint")
        await pilot.resize_terminal(200, 60)
        await eventually(pilot, lambda: "Base" in titles(pilot))
        assert not text_of(pilot, "#runs-hint")


@pytest.mark.usefixtures("_runs")
async def test_a_note_is_written_in_a_line(home: Path) -> None:
    async with opened() as pilot:
        await pilot.press("number_sign")
        await settle_dialog(pilot)
        await pilot.press(*"#good", "enter")
        await eventually(pilot, lambda: "#good" in rows(pilot)[0])
        assert runnote.read(Run.find("middle").folder) == "#good"
        await pilot.press("number_sign")
        await settle_dialog(pilot)
        await pilot.press("ctrl+u", "enter")
        await eventually(pilot, lambda: not runnote.read(Run.find("middle").folder))


@pytest.mark.usefixtures("_runs")
async def test_a_run_gets_another_name_and_is_shown_by_it(home: Path) -> None:
    finished("run:middle")
    async with opened() as pilot:
        await pilot.press("enter")
        view = pilot.app.screen.query_one(RunView)
        await eventually(pilot, lambda: view.shows_all)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("R")
        await settle_dialog(pilot)
        await pilot.press("ctrl+u", *"long", "enter")
        await eventually(
            pilot, lambda: "run named long already" in text_of(pilot, ".complaint"), seconds=30
        )
        await pilot.press("ctrl+u", *"best", "enter")
        await eventually(pilot, lambda: "best" in names(pilot))
        assert "middle" not in names(pilot)
        notices = [str(each.message) for each in pilot.app._notifications]
        assert any("still told of run:middle" in notice for notice in notices)
        await pilot.press("escape")
        await eventually(pilot, lambda: shown(pilot) == RunView.__name__)
        assert view.run is not None
        assert view.run.id == "best"


@pytest.mark.usefixtures("_runs")
async def test_deleting_asks_and_never_takes_one_at_work(home: Path) -> None:
    write(create("busy"), worker_of(psutil.Process()))
    async with opened() as pilot:
        assert names(pilot)[0] == "busy"
        await pilot.press("delete")
        await eventually(pilot, lambda: bool(pilot.app._notifications))
        assert not pilot.app.screen.is_modal
        await pilot.press("down", "delete")
        await eventually(pilot, lambda: pilot.app.screen.is_modal)
        await settle_dialog(pilot)
        await pilot.press("enter")  # the harmless answer
        await eventually(pilot, lambda: not pilot.app.screen.is_modal)
        assert len(names(pilot)) == 4
        await pilot.press("delete")
        await eventually(pilot, lambda: pilot.app.screen.is_modal)
        await settle_dialog(pilot)
        await pilot.press("tab", "enter")
        await eventually(pilot, lambda: names(pilot) == ["busy", "short", "long"])


@pytest.mark.usefixtures("_runs")
async def test_after_the_run_that_was_shown_is_deleted_the_form_comes_back(home: Path) -> None:
    async with opened() as pilot:
        await pilot.press("enter")
        await eventually(pilot, lambda: pilot.app.screen.query_one(RunView).shows_all)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("delete")
        await eventually(pilot, lambda: pilot.app.screen.is_modal)
        await settle_dialog(pilot)
        await pilot.press("tab", "enter")
        await eventually(pilot, lambda: names(pilot) == ["short", "long"])
        await pilot.press("escape")
        await eventually(pilot, lambda: shown(pilot) == NewRun.__name__)


async def test_chosen_runs_keep_their_lines(home: Path) -> None:
    for number in range(len(LINE_STYLES) + 1):
        finished_run(f"r{number}")
    async with opened() as pilot:
        screen = pilot.app.screen
        await pilot.press(*["space"] * (len(LINE_STYLES) + 1))
        await eventually(pilot, lambda: bool(pilot.app._notifications))
        marks = {row[1]: row[0] for row in rows(pilot)}
        assert [marks[f"r{6 - n}"] for n in range(6)] == [each.sign.strip() for each in LINE_STYLES]
        assert marks["r0"] == ""
        assert "6 chosen" in text_of(pilot, "#runs-hint")
        await pilot.press("ctrl+home", "down", "space", "ctrl+end", "space")
        await eventually(pilot, lambda: {row[1]: row[0] for row in rows(pilot)}["r0"] != "")
        now = {row[1]: row[0] for row in rows(pilot)}
        assert now == marks | {"r5": "", "r0": LINE_STYLES[1].sign.strip()}
        assert screen.query_one(RunList).display


async def test_the_path_is_copied_also_where_the_folder_cannot_be_opened(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = finished_run("one")
    monkeypatch.setenv("SSH_TTY", "/dev/pts/1")
    async with opened() as pilot:
        await pilot.press("y")
        assert pilot.app.clipboard == str(run.folder)
        pilot.app.copy_to_clipboard("")
        await pilot.press("O")
        assert pilot.app.clipboard == str(run.folder)
        assert "Over SSH" in [*pilot.app._notifications][-1].message
        pilot.app.copy_to_clipboard("")
        await pilot.press("enter")
        await eventually(pilot, lambda: shown(pilot) == "RunView")
        await pilot.press("O")
        assert pilot.app.clipboard == str(run.folder)
