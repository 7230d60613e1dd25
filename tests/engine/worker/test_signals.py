"""Signals: whoever asks a training to stop is heeded at any moment, and told what happens."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from conftest import run_stplay, write_triplets
from livingprocesses import living
from runner import events_of, logged, small_recipe, wait_for, wait_until_over
from samplerun import finished_run
from terminal import Terminal

from stplay.errors import UserError
from stplay.jobs import folders
from stplay.jobs.events import CheckpointSaved, Noted, RunFinished, WorkerStarted
from stplay.runs.run import Run


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    """What a test that failed has left at work is ended."""
    yield
    for process in at_work(home):
        process.kill()


@pytest.fixture
def data(tmp_path: Path) -> list[str]:
    return small_recipe(tmp_path / "data", training__max_steps="100000")


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "stplay", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def at_work(home: Path) -> list[psutil.Process]:
    """The engine's processes that work on something in ``home``."""
    return living("stplay.engine.", str(home))


def folder_there(home: Path) -> bool:
    return bool(list(home.glob("data/*/*-1")) or list(home.glob("data/runs/*")))


def process_there(home: Path) -> bool:
    return bool(at_work(home))


def process_told(home: Path) -> bool:
    return any(b"WorkerStarted" in log.read_bytes() for log in home.glob("data/*/*/events.jsonl"))


MOMENTS = [0.0, 0.05, 0.1, 0.2, 0.4, folder_there, process_there, process_told]


def named(moment: float | Callable[[Path], bool]) -> str:
    return getattr(moment, "__name__", str(moment))


@pytest.mark.parametrize("moment", MOMENTS, ids=named)
def test_a_start_interrupted_at_any_moment_leaves_nothing_at_work(
    home: Path, data: list[str], moment: float | Callable[[Path], bool]
) -> None:
    with start(*data, "--name=early") as command:
        if callable(moment):
            while not moment(home):
                assert command.poll() is None
        else:
            time.sleep(moment)  # whatever has begun by then: what is asserted holds at any time
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=240)
    assert at_work(home) == []
    try:
        run = Run.find("early")
    except UserError:  # nothing has begun, or it was tidied away
        assert not folder_there(home) or not any((home / "data" / "runs").iterdir())
        if command.returncode == 130:
            assert "Interrupted" in told
        return
    assert run.read_log().status == "stopped"
    assert command.returncode == 130
    assert "Stopping" in told
    assert "Traceback" not in told


@pytest.mark.parametrize("moment", MOMENTS[3:], ids=named)
def test_an_interrupted_evaluation_leaves_nothing(
    home: Path, tmp_path: Path, moment: float | Callable[[Path], bool]
) -> None:
    data = write_triplets(tmp_path / "some.jsonl", 8)
    with start("eval", "builtin:tiny", "--data", str(data)) as command:
        if callable(moment):
            while not moment(home):
                assert command.poll() is None
        else:
            time.sleep(moment)
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=120)
    assert command.returncode == 130
    assert "Cancelled; the partial result is thrown away." in told or "Interrupted" in told
    psutil.wait_procs(at_work(home), timeout=60)
    assert at_work(home) == []
    assert not [path for path in home.glob("data/evaluations/*") if path.is_dir()]


def test_an_interrupted_resume_leaves_the_run_as_it_was(home: Path) -> None:
    run = finished_run("mine", outcome="failed", exit_code=1, error="No data.")
    before = run.events_path.read_bytes()
    with start("resume", "mine") as command:
        while not at_work(home):
            assert command.poll() is None
        command.send_signal(signal.SIGINT)
        _, told = command.communicate(timeout=120)
    assert command.returncode == 130
    assert at_work(home) == []
    if run.events_path.read_bytes() == before:
        assert "stplay: Interrupted; mine does not go on, and is as it was." in told
    else:
        assert run.read_log().status == "stopped"
        assert "Stopping" in told


def test_ctrl_c_in_a_terminal_before_the_process_has_begun(home: Path, data: list[str]) -> None:
    with Terminal(*data, "--name=early", size=(100, 30)) as terminal:
        while not folder_there(home):
            terminal.read(0.01)
        terminal.type("\x03")
        assert terminal.wait_for_end() == 130
        assert "Stopping" in terminal.text or "Interrupted" in terminal.text, terminal.text
    assert at_work(home) == []
    assert not folder_there(home) or Run.find("early").read_log().status == "stopped"


def test_a_terminal_closed_while_a_run_is_launched_does_not_stop_it(
    home: Path, data: list[str]
) -> None:
    with start(*data, "--name=early") as command:
        while not folder_there(home):
            assert command.poll() is None
        command.send_signal(signal.SIGHUP)
        _, told = command.communicate(timeout=240)
    assert (command.returncode, told) == (-signal.SIGHUP, "")
    run = Run.find("early")
    assert run.read_log().active
    run.request_stop()
    wait_until_over(run)


def test_a_schedulers_warning_saves_a_checkpoint(home: Path, data: list[str]) -> None:
    """Slurm sends it to all processes of a job: to the one that follows a run as well."""
    with start(*data, "--name=warned") as command:
        assert command.stdout is not None
        while "step 4 " not in (line := command.stdout.readline()):
            assert line, command.communicate()
        run = Run.find("warned")
        worker = process_of(run)
        for harmless in (signal.SIGHUP, signal.SIGPIPE):
            worker.send_signal(harmless)
        seen = run.read_log().step
        wait_for(run, logged(seen + 4), seconds=240)
        worker.send_signal(signal.SIGUSR1)
        command.send_signal(signal.SIGUSR1)
        command.send_signal(signal.SIGTERM)
        output, told = command.communicate(timeout=240)
    assert command.returncode == 130, told
    assert "info: Stopped by SIGUSR1." in output
    log = run.read_log()
    assert log.status == "stopped"
    assert log.checkpoint is not None
    assert log.checkpoint.step >= seen
    assert folders.checkpoints(run.folder)


def process_of(run: Run) -> psutil.Process:
    worker = wait_for(run, lambda event: isinstance(event, WorkerStarted))
    assert isinstance(worker, WorkerStarted)
    return psutil.Process(worker.pid)


def test_how_a_process_died_is_written_down_by_who_started_it(home: Path, data: list[str]) -> None:
    with start(*data, "--name=dead") as command:
        assert command.stdout is not None
        while "importing" not in (line := command.stdout.readline()):
            assert line, command.communicate()
        run = Run.find("dead")
        process_of(run).send_signal(signal.SIGSEGV)
        _, told = command.communicate(timeout=240)
    assert command.returncode == 1
    sentence = (
        "The training process was ended by SIGSEGV, and the last error in its output is Fatal "
        "Python error: Segmentation fault; go on with: stplay resume dead"
    )
    assert told == f"stplay: {sentence}\n"
    word = events_of(run)[-1]
    assert isinstance(word, RunFinished)
    assert word.error == sentence
    assert run_stplay("stop", "dead").returncode == 2
    assert not any(isinstance(event, CheckpointSaved | Noted) for event in events_of(run))


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_reason_to_stop(home: Path, tmp_path: Path, closed: str) -> None:
    data = small_recipe(tmp_path / "data", training__max_steps="1")
    command = [sys.executable, "-m", "stplay", *data, "--name=closed"]
    done = subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", *command], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    log = Run.find("closed").read_log()
    assert (log.status, log.step, log.damaged) == ("completed", 1, 0)
