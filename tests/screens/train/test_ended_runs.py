"""The end of a run that is watched, in the app or by a command, is told outside of the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from piloting import eventually, settle
from runsondisk import COMPLETED, STARTED, create, start_worker, write
from samplerun import finished_run
from terminal import Terminal

from stplay.jobs.events import Noted
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.shared.jobwatch import JobWatch
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainscreen import TrainScreen

NOTIFIED = b"\a\x1b]9;stplay: watched \xe2\x96\xa0 stopped\a\x1b]777;notify;stplay;watched"
WATCHING = """
import sys
from stplay.cli.trainingview import view_for
from stplay.jobs.follower import Follower
from stplay.jobs.interrupts import Interrupts
from stplay.runs.run import Run
run = Run.find("watched")
Follower(run).show_until_end(view_for(run, False), Interrupts())
"""


@pytest.fixture
def run(home: Path) -> Iterator[Run]:
    """A run at work, whose process ends when it is asked to."""
    run = create("watched")
    process = start_worker(run)
    write(run, STARTED)
    yield run
    process.kill()
    process.wait()


@pytest.mark.parametrize("program", ["the app", "a command"])
@pytest.mark.parametrize("wanted", [True, False])
def test_the_end_rings_and_notifies_unless_the_settings_say_not_to(
    home: Path, run: Run, program: str, wanted: bool
) -> None:
    if not wanted:
        (home / "config").mkdir()
        (home / "config" / "settings.toml").write_text("notify = false\n")
    watching = {} if program == "the app" else {"program": (sys.executable, "-c", WATCHING)}
    with Terminal(size=(120, 40), env={"TMUX": ""}, **watching) as terminal:
        terminal.wait_for("running")
        # Who shows what comes later has read all that was there: it has seen the run at work.
        for words in ("Seen once.", "Seen again."):
            write(run, Noted(level="info", text=words))
            terminal.wait_for(words)
        assert b"]9;" not in terminal.output
        run.request_stop()
        terminal.wait_for("■ stopped")
        if program == "the app":
            while wanted and b"]777;" not in terminal.output:
                terminal.read()
            terminal.type("\x11")
        terminal.wait_for_end()
        assert (NOTIFIED in terminal.output) == wanted
        assert (b"]777;" in terminal.output) == wanted


def test_settings_that_cannot_be_read_are_told_where_they_are_needed(home: Path, run: Run) -> None:
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text("notify = maybe\n")
    program = (sys.executable, "-c", WATCHING)
    with Terminal(size=(160, 40), program=program) as terminal:
        terminal.wait_for("running")
        run.request_stop()
        terminal.wait_for("cannot be used")
        assert terminal.wait_for_end() == 0
        assert b"]9;" not in terminal.output


async def test_what_is_noted_while_another_screen_is_looked_at_is_told_there(run: Run) -> None:
    write(run, Noted(level="warning", text="Said before."))
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        view = pilot.app.screen.query_one(RunView)
        await eventually(pilot, lambda: view.is_live)
        write(run, Noted(level="warning", text="Seen on the \x1b[31mscreen."))
        await eventually(pilot, lambda: len(view.job_log.notes) == 2 and view.shows_all)
        await pilot.press("2")
        write(run, Noted(level="info", text="dev is \x1b[31mno better."))
        await eventually(pilot, lambda: bool(pilot.app._notifications))
        (told,) = pilot.app._notifications
        assert (told.title, told.message) == (
            "watched",
            "dev is \N{REPLACEMENT CHARACTER}[31mno better.",
        )
        assert told.severity == "information"


async def test_a_run_that_is_over_when_it_is_opened_has_not_ended_now(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(
        "stplay.screens.shared.outside.tell_outside", lambda app, text: told.append(text)
    )
    finished_run("over", 400)
    live = write(create("live"), STARTED)
    process = start_worker(live)
    try:
        async with StplayApp().run_test(size=(120, 40)) as pilot:
            await settle(pilot)
            screen = pilot.app.screen
            assert isinstance(screen, TrainScreen)
            for name in ("over", "live"):
                await screen.show_run(Run.find(name))
                view = screen.query_one(JobWatch)
                await eventually(pilot, lambda view=view: view.shows_all)
            assert told == []
            await eventually(pilot, lambda: view.is_live)
            write(live, COMPLETED)
            await eventually(pilot, lambda: bool(told))
            assert told == ["live ✓ finished"]
    finally:
        process.kill()
        process.wait()
