"""What a run was asked for: open until it is answered, and gone with the process that was."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from runsondisk import COMPLETED, STARTED, create, worker_of, write

from stplay.errors import UserError
from stplay.jobs.events import (
    Control,
    ControlAnswered,
    ControlAsked,
    Event,
    RunFinished,
    WorkerStarted,
)
from stplay.jobs.worklog import asked_words
from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog

WORKER = WorkerStarted(host="gpu-box", pid=1, process_started=0.0)


def asked(control: Control) -> ControlAsked:
    return ControlAsked(control=control, by="jo")


def folded(*events: Event) -> TrainingLog:
    log = TrainingLog()
    for event in events:
        log.apply(event)
    return log


def test_it_is_open_until_it_is_answered() -> None:
    log = folded(WORKER, STARTED, asked("checkpoint"), asked("evaluation"), asked("checkpoint"))
    assert asked_words(log.asked) == "Asked for a checkpoint now and an evaluation now"
    log.apply(ControlAnswered(control="checkpoint", step=3))
    assert [*log.asked] == ["evaluation"]
    log.apply(ControlAnswered(control="evaluation", step=3, refusal="There is none."))
    assert log.asked == {}
    assert asked_words(log.asked) == ""
    assert [note.text for note in log.notes] == ["There is none."]


@pytest.mark.parametrize("end", [COMPLETED, WORKER], ids=["the end", "another process"])
def test_it_ends_with_the_process_it_was_asked_of(end: Event) -> None:
    log = folded(WORKER, STARTED, asked("stop after epoch"), end)
    assert log.asked == {}


def test_nobody_is_asked_after_the_end() -> None:
    log = folded(WORKER, STARTED, COMPLETED, asked("checkpoint"))
    assert (log.status, log.asked) == ("completed", {})


def test_a_question_is_no_sign_of_life() -> None:
    log = folded(WORKER, STARTED)
    log.lose_worker("It was killed.")
    log.apply(asked("checkpoint"))
    assert (log.status, log.error) == ("failed", "It was killed.")


@pytest.mark.parametrize("outcome", ["failed", "stopped"])
def test_a_finished_run_that_was_not_trained_on_stays_finished(outcome: str) -> None:
    before = (WORKER, STARTED, COMPLETED)
    end = RunFinished(outcome="failed" if outcome == "failed" else "stopped", exit_code=1)
    assert folded(*before, WORKER, end).status == "completed"
    assert folded(*before, WORKER, STARTED, end).status == outcome


def test_who_cannot_do_it_says_why(home: Path) -> None:
    me = worker_of(psutil.Process())
    for events, told in (
        ((), "is only about to start"),
        ((me, COMPLETED), "is not at work; nothing to ask it for"),
        ((me, STARTED), "has no dev data"),
        ((worker_of(psutil.Process(), "elsewhere"), STARTED), "is at work on elsewhere"),
    ):
        run = write(create(), *events)
        with pytest.raises(UserError, match=told):
            run.ask("evaluation", run.read_log())
    run = write(create(), me, STARTED)
    run.events_path.chmod(0o400)
    if os.geteuid() != 0:  # to whom nothing is forbidden
        with pytest.raises(UserError, match="cannot be asked for anything"):
            run.ask("checkpoint", run.read_log())


def test_a_runs_recipe_is_one_to_start_from(home: Path) -> None:
    run = Run.create(recipe.load("sample", ["training.learning_rate=0.007"]), None, "my-data")
    again = recipe.load(f"run:{run.id}", ["training.seed=7"])
    assert (again.training.learning_rate, again.training.seed) == (0.007, 7)
    assert recipe.stem(f"run:{run.id}") == "my-data"
    with pytest.raises(UserError, match="There is no run 'nobody'"):
        recipe.load("run:nobody")
    with pytest.raises(UserError, match="or run:NAME for that of a run"):
        recipe.load(f"run:{run.id}@3")
