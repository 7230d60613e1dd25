"""Runs that are lost, cannot start, or are deleted, as the app shows them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from piloting import eventually, settle, start_button, text_of
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widgets import Button

from stplay.evaluations.evaluation import Evaluation, Request
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import RunFinished, SystemSampled, WorkerStarted
from stplay.jobs.job import SILENCE_SECONDS
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.evaluate.evaluatescreen import EvaluateScreen
from stplay.screens.evaluate.evaluationwatch import EvaluationWatch
from stplay.screens.shared.dialog import Question
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainscreen import TrainScreen

SIZE = (120, 40)
BEAT = SystemSampled(cpu_percent=1.0, memory_bytes=1)
ELSEWHERE = WorkerStarted(host="gpu-box", pid=1, process_started=0.0)


def be_silent(job: Run | Evaluation) -> None:
    then = time.time() - SILENCE_SECONDS - 60
    os.utime(job.events_path, (then, then))


def write(job: Run | Evaluation, event: SystemSampled | RunFinished | WorkerStarted) -> None:
    writer = EventWriter(job.events_path)
    writer.write(event)
    writer.close()


def notified(pilot: Pilot[None]) -> str:
    return " ".join(note.message for note in pilot.app._notifications)


async def train_screen(pilot: Pilot[None], run: Run) -> TrainScreen:
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(run)
    await settle(pilot)
    return screen


async def answer(pilot: Pilot[None], button: str) -> None:
    await eventually(pilot, lambda: isinstance(pilot.app.screen, Question))
    pilot.app.screen.query_one(f"#{button}", Button).press()
    await settle(pilot)


async def test_a_lost_run_is_shown_alive_again(home: Path) -> None:
    run = finished_run()
    write(run, ELSEWHERE)
    be_silent(run)
    async with StplayApp().run_test(size=SIZE) as pilot:
        screen = await train_screen(pilot, run)
        await eventually(pilot, lambda: "? lost" in text_of(pilot, "#head-state"))
        notes = text_of(pilot, "#notes")
        assert "? The run done was last heard of 2 min" in notes
        assert "✗" not in notes
        assert screen.check_action("resume", ())
        assert not screen.check_action("delete", ())
        write(run, BEAT)
        await eventually(pilot, lambda: "◌ starting" in text_of(pilot, "#head-state"))
        assert "last heard of" not in text_of(pilot, "#notes")
        be_silent(run)  # whatever its date: it grew before our eyes
        screen.query_one(RunView).look()
        assert "◌ starting" in text_of(pilot, "#head-state")
        assert not screen.check_action("resume", ())


async def test_a_lost_run_is_resumed_only_by_who_knows_that_it_is_dead(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launched: list[str] = []
    monkeypatch.setattr(Run, "launch", lambda run: launched.append(run.id))
    run = finished_run()
    write(run, ELSEWHERE)
    be_silent(run)
    async with StplayApp().run_test(size=SIZE) as pilot:
        screen = await train_screen(pilot, run)
        await eventually(pilot, lambda: bool(screen.check_action("resume", ())))
        await pilot.press("r")
        await answer(pilot, "no")
        assert launched == []
        await pilot.press("r")
        await answer(pilot, "yes")
        await eventually(pilot, lambda: launched == ["done"])


async def test_a_launch_that_fails_is_told_at_once_and_the_form_is_ready(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "module", "stplay.engine.nowhere")
    async with StplayApp().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await eventually(pilot, lambda: "could not start" in notified(pilot))
        assert not start_button(pilot).disabled
        (run,) = Run.every()
        assert run.read_log().status == "failed"
        await settle(pilot)


async def test_a_failed_launch_of_an_evaluation_leaves_everything_usable(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Evaluation, "module", "stplay.engine.nowhere")
    async with StplayApp().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, EvaluateScreen)
        screen._launch(Request(["builtin:tiny"], "builtin:sample", ["dev"]))
        await eventually(pilot, lambda: "could not start" in notified(pilot))
        await eventually(pilot, lambda: screen.form.display)
        await eventually(pilot, lambda: bool(screen.check_action("open", ())))


async def test_a_lost_evaluation_holds_nothing_up_and_is_followed(home: Path) -> None:
    evaluation = Evaluation.create(Request(["builtin:tiny"], "builtin:sample", ["dev"]))
    write(evaluation, ELSEWHERE)
    be_silent(evaluation)
    async with StplayApp().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, EvaluateScreen)
        assert screen.form.display, "what may be dead for months is not shown at each start"
        screen.show_work(evaluation)
        await eventually(pilot, lambda: "? lost" in text_of(pilot, "#watch-state"))
        assert "last heard of" in text_of(pilot, "#watch-notes")
        assert screen.check_action("open", ())
        assert screen.check_action("new", ())
        write(evaluation, BEAT)
        await eventually(pilot, lambda: "◌ starting" in text_of(pilot, "#watch-state"))
        assert not screen.check_action("open", ())
        write(evaluation, RunFinished(outcome="failed", exit_code=2, error="No data."))
        await eventually(pilot, lambda: "✗ No data." in text_of(pilot, "#watch-notes"))
        assert not screen.query_one(EvaluationWatch).active


async def test_the_run_that_is_shown_is_deleted(home: Path) -> None:
    run, other = finished_run("mine"), finished_run("other")
    async with StplayApp().run_test(size=SIZE) as pilot:
        screen = await train_screen(pilot, run)
        await eventually(pilot, lambda: bool(screen.check_action("delete", ())))
        await pilot.press("delete")
        await answer(pilot, "no")
        assert run.folder.is_dir()
        await pilot.press("delete")
        await answer(pilot, "yes")
        await eventually(pilot, lambda: "mine is deleted" in notified(pilot))
        await eventually(pilot, lambda: pilot.app.focused is start_button(pilot))
    assert not run.folder.exists()
    assert other.folder.is_dir()
