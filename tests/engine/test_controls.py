"""What a run at work is asked for: done, answered, and without a trace in what it trains."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest
from conftest import run_stplay
from livingprocesses import living
from runner import events_of, figures, logged, small_recipe, start, wait_for, wait_until_over

from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import (
    CheckpointSaved,
    Control,
    ControlAnswered,
    ControlAsked,
    Event,
    RunFinished,
    RunResumed,
)
from stplay.runs.run import Run

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the runs of this module."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("STPLAY_HOME", str(home))
    yield
    for process in living(str(home)):  # what a test that failed has left
        process.kill()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small recipe's data."""
    return tmp_path_factory.mktemp("animals")


@pytest.fixture(scope="module")
def plain(home: Path, data: Path) -> Callable[[str], Run]:
    """Runs of each engine that nobody has asked for anything, made once."""

    def made(engine: str) -> Run:
        folder = home / "data" / "runs" / f"plain-{engine}"
        if not folder.is_dir():
            recipe = small_recipe(data, training__engine=engine)
            done = run_stplay(*recipe, f"--name={folder.name}", env={"STPLAY_HOME": str(home)})
            assert done.returncode == 0, done.stderr
        return Run(folder)

    return made


@contextmanager
def held(run: Run) -> Iterator[list[psutil.Process]]:
    """The processes that train ``run``, which stand still meanwhile."""
    training = living("stplay.engine.train", str(run.folder))
    assert training
    for process in training:
        process.suspend()
    try:
        yield training
    finally:
        for process in training:
            with suppress(psutil.NoSuchProcess):
                process.resume()


def answers(run: Run) -> list[ControlAnswered]:
    return [event for event in events_of(run) if isinstance(event, ControlAnswered)]


def is_asked(control: Control) -> Callable[[Event], bool]:
    return lambda event: isinstance(event, ControlAsked) and event.control == control


@pytest.mark.parametrize("engine", ["fast", "stock"])
def test_a_checkpoint_and_an_evaluation_change_nothing_of_what_is_trained(
    plain: Callable[[str], Run], data: Path, engine: str
) -> None:
    expected = plain(engine)
    run = start(small_recipe(data, training__engine=engine), f"asked-{engine}")
    wait_for(run, logged(4))
    with held(run):
        before = run.read_log().step
        for control in ("checkpoint", "evaluation", "checkpoint"):
            run.ask(control, run.read_log())
        assert [*run.read_log().asked] == ["checkpoint", "evaluation"]
    wait_until_over(run)
    told = events_of(run)
    assert sum(isinstance(event, ControlAsked) for event in told) == 2, "two of a kind are one"
    evaluation, checkpoint = answers(run)
    assert (evaluation.control, checkpoint.control) == ("evaluation", "checkpoint")
    assert evaluation.step == checkpoint.step
    step = checkpoint.step
    assert before <= step < 24
    assert step in [event.step for event in told if isinstance(event, CheckpointSaved)]
    assert ("dev", step) in run.read_log().evaluations
    rows, others = run.read_log().rows, expected.read_log().rows
    assert {*rows} == {*others, step}
    for each, row in others.items():
        assert (rows[each].training_loss, rows[each].loss) == (row.training_loss, row.loss)
    weights = [(each.model_folder() / "model.safetensors").read_bytes() for each in (run, expected)]
    assert weights[0] == weights[1]


def test_the_commands_wait_for_the_answer_and_tell_it(data: Path) -> None:
    recipe = small_recipe(data, training__max_steps="100000", evaluation__eval_strategy="no")
    run = start(recipe, "commands")
    wait_for(run, logged(4))
    saved = run_stplay("checkpoint", "commands")
    assert saved.returncode == 0, saved.stderr
    step = answers(run)[-1].step
    assert (
        saved.stdout == f"commands: step {step:,}  checkpoint saved; name it run:commands@{step}\n"
    )
    evaluated = run_stplay("evaluate-now", "commands")
    assert evaluated.returncode == 0, evaluated.stderr
    found = run.read_log().evaluations["dev", answers(run)[-1].step]
    assert f"max accuracy {found.max_accuracy:.3f}" in evaluated.stdout
    assert run_stplay("stop", "commands").returncode == 0
    told = events_of(run)
    assert any(is_asked("stop")(event) for event in told)
    assert isinstance(told[-1], RunFinished)
    assert not run.read_log().asked
    late = run_stplay("checkpoint", "commands")
    assert (late.returncode, late.stderr.count("\n")) == (2, 1)
    assert "is not at work; nothing to ask it for" in late.stderr


def test_a_stop_after_the_epoch_saves_its_end_and_resumes_as_if_there_had_been_none(
    plain: Callable[[str], Run], data: Path
) -> None:
    run = start(small_recipe(data), "epoch")
    wait_for(run, logged(4))
    with held(run) as training:
        command = [sys.executable, "-m", "stplay", "stop", "epoch", "--after-epoch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            wait_for(run, is_asked("stop after epoch"))
            training[0].resume()
            said, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert "Stopping at the end of this epoch" in said
    log = run.read_log()
    assert log.status == "stopped"
    assert (log.step, log.checkpoint and log.checkpoint.step) == (10, 10)
    assert [(each.control, each.step) for each in answers(run)] == [("stop after epoch", 10)]
    assert run_stplay("resume", "epoch").returncode == 0
    assert figures(run) == figures(plain("fast"))


def test_what_a_process_was_asked_for_that_died_the_next_one_does_not_hear(data: Path) -> None:
    run = start(small_recipe(data), "died")
    wait_for(run, logged(8))
    with held(run) as training:
        run.ask("evaluation", run.read_log())
        run.ask("stop after epoch", run.read_log())
        training[0].kill()
    wait_until_over(run)
    with pytest.raises(UserError, match="not at work"):
        run.ask("checkpoint", run.read_log())
    assert run_stplay("resume", "died").returncode == 0
    log = run.read_log()
    assert (log.status, log.asked, answers(run)) == ("completed", {}, [])


def test_what_cannot_be_had_is_answered_too(data: Path) -> None:
    # The last epoch has many steps left by the time the process is held, however late that is.
    one = {"training__max_steps": "80", "training__per_device_train_batch_size": "1"}
    run = start(small_recipe(data, data__dev="", **one), "refused")
    wait_for(run, logged(4))
    with held(run):
        assert run.read_log().active
        refused = run_stplay("evaluate-now", "refused")
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert "has no dev data to evaluate on" in refused.stderr
        writer = EventWriter(run.events_path)
        writer.write(ControlAsked(control="evaluation", by="jo"))  # who did not look
        run.ask("stop after epoch", run.read_log())  # in the last one
    wait_until_over(run)
    dev, epoch = answers(run)
    assert dev.refusal == "There is no evaluation now: the run has no dev data."
    assert epoch.refusal == "What was asked for came too late: all steps were taken."
    assert run.read_log().status == "completed"
    assert {split for split, _ in run.read_log().evaluations} == {"test"}


def test_several_processes_do_it_after_the_same_step(data: Path) -> None:
    recipe = small_recipe(data, model__dropout="0")
    assert run_stplay(*recipe, "--name=alone").returncode == 0
    run = start([*recipe, "--nproc-per-node=2"], "together")
    wait_for(run, logged(4))
    with held(run) as training:
        assert len(training) == 2
        before = run.read_log().step
        for control in ("checkpoint", "evaluation", "stop after epoch"):
            run.ask(control, run.read_log())
    wait_until_over(run)
    log = run.read_log()
    assert log.status == "stopped"
    evaluation, checkpoint, stop = answers(run)
    assert [each.control for each in (evaluation, checkpoint, stop)] == [
        *("evaluation", "checkpoint", "stop after epoch")
    ]
    assert before < evaluation.step == checkpoint.step <= stop.step == 10
    assert ("dev", evaluation.step) in log.evaluations
    assert run_stplay("resume", "together").returncode == 0
    assert any(isinstance(event, RunResumed) for event in events_of(run))
    rows, others = run.read_log().rows, Run.find("alone").read_log().rows
    for step, row in others.items():
        assert rows[step].training_loss == pytest.approx(row.training_loss, abs=TOLERANCE)
        assert rows[step].loss == pytest.approx(row.loss, abs=TOLERANCE)
