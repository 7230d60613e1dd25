"""Faults of a training: killed wherever it is, its folder gone, another log in the place of its."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from faulttable import Fault, TellFault, compared
from runner import events_of, figures, logged, small_recipe, wait_for, wait_until_over
from smalldisk import SmallDisk

from stplay.engine.train import remove_partial
from stplay.jobs.events import RunResumed, TrainLogged
from stplay.jobs.manifest import MANIFEST
from stplay.runs import recipe
from stplay.runs.run import Run

Moment = Callable[[Run], bool]
Figures = list[tuple[object, ...]]

KILLS = 20
STEPS = 30
WITHOUT_LOCKS = """
import errno, fcntl
def refuse(*_):
    raise OSError(errno.ENOLCK, "No locks available")
fcntl.flock = fcntl.lockf = refuse
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the runs of this module."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STPLAY_HOME", str(home))


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Those of a training of a few seconds that tells each step."""
    data = tmp_path_factory.mktemp("animals")
    arguments = small_recipe(data, training__max_steps=f"{STEPS}", training__logging_steps="1")
    return [each.removeprefix("--set=") for each in arguments[2:]]


@pytest.fixture(scope="module")
def expected(home: Path, settings: list[str]) -> Figures:
    """The figures of a training that nothing befell."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(home))
        run = made("whole", settings)
        run.launch()
        wait_until_over(run)
        assert run.read_log().status == "completed", run.worker_log_path.read_text()
        return figures(run)


def made(name: str, settings: list[str]) -> Run:
    """A run that was not begun."""
    return Run.create(recipe.load("sample", settings), name, "sample")


def grown(size: int) -> Moment:
    """Once the log is so many bytes longer than when it was first looked at."""
    wanted = 0

    def moment(run: Run) -> bool:
        nonlocal wanted
        wanted = wanted or run.events_path.stat().st_size + size
        return run.events_path.stat().st_size >= wanted

    return moment


def in_checkpoint(run: Run) -> bool:
    """While one is there that is not whole."""
    folders = run.folder.glob("checkpoints/checkpoint-*")
    return any(not (folder / MANIFEST).exists() for folder in folders)


def in_model(run: Run) -> bool:
    """While some of the model is there, and not all."""
    return (run.folder / "model.partial").exists()


def is_killed(run: Run, moment: Moment) -> bool:
    """Go on with ``run`` and kill it at that moment; ``False`` where its end came before."""
    run.launch()
    worker = run.read_log().worker
    assert worker is not None
    process = psutil.Process(worker.pid)
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        if moment(run):
            process.kill()
            run.await_exit()
            return run.read_log().status == "failed"
        time.sleep(0.001)
    run.await_exit()
    return False


def rows_apart(run: Run, expected: Figures) -> tuple[int, int]:
    """What a run that has ended lacks of what is expected, and has besides."""
    return compared(figures(run), expected)


@pytest.mark.timeout(900)
def test_it_is_killed_wherever_it_is(
    settings: list[str], expected: Figures, tell_fault: TellFault
) -> None:
    chance = random.Random(0)
    moments: list[Moment] = [grown(chance.randrange(1, 6000)) for _ in range(KILLS - 6)]
    moments += [in_checkpoint] * 3 + [in_model] * 3
    runs: list[Run] = []
    survived = lost = doubled = 0
    while moments:
        run = made(f"killed-{len(runs)}", settings)
        runs.append(run)
        kills = 0
        while run.read_log().status != "completed":
            if moments and is_killed(run, moments[0]):
                del moments[0]
                kills += 1
            elif not moments:
                run.launch()
                wait_until_over(run)
        apart = rows_apart(run, expected)
        lost, doubled = lost + apart[0], doubled + apart[1]
        survived += kills if apart == (0, 0) else 0
    tell_fault(
        Fault(
            "kill -9 of the training, in a checkpoint and in the model too",
            KILLS,
            survived,
            lost,
            doubled,
        )
    )


def test_its_folder_is_removed(settings: list[str], tell_fault: TellFault) -> None:
    """It ends, rather than hold a GPU for a run that nobody sees, and leaves nothing."""
    run = made("removed", [*settings, "training.max_steps=100000"])
    run.launch()
    wait_for(run, logged(3))
    worker = run.read_log().worker
    assert worker is not None
    process = psutil.Process(worker.pid)
    shutil.rmtree(run.folder, ignore_errors=True)  # it may write as it is removed
    process.wait(240)
    run.await_exit()
    assert not run.folder.exists()
    tell_fault(Fault("the run's folder removed under the training", 1, 1, 0, 0))


@pytest.mark.parametrize("lost", ["recipe.toml", "events.jsonl", "worker.log"])
def test_a_run_that_lost_a_file_keeps_all_others(settings: list[str], lost: str) -> None:
    """Only what came after the whole folder was removed is nobody's."""
    run = made(f"without-{lost}", settings)
    run.worker_log_path.touch()
    model = run.folder / "model" / "model.safetensors"
    model.parent.mkdir()
    model.touch()
    (run.folder / lost).unlink()
    remove_partial(run)
    assert model.exists()


def test_another_log_is_in_the_place_of_its(
    settings: list[str], expected: Figures, tell_fault: TellFault
) -> None:
    """An editor that saves a log puts a new file there: what comes is written to that one."""
    run = made("edited", settings)
    run.launch()
    wait_for(run, logged(10))
    copy = run.events_path.with_suffix(".edited")
    worker = run.read_log().worker
    assert worker is not None
    process = psutil.Process(worker.pid)
    process.send_signal(signal.SIGSTOP)  # nothing is told between the copy and its move
    while process.status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)
    shutil.copyfile(run.events_path, copy)
    copy.replace(run.events_path)
    process.send_signal(signal.SIGCONT)
    wait_until_over(run)
    lost, doubled = rows_apart(run, expected)
    steps = [event.step for event in events_of(run) if isinstance(event, TrainLogged)]
    assert steps == [*range(1, STEPS + 1)]
    tell_fault(
        Fault("the log replaced by a copy of itself", 1, int(not lost + doubled), lost, doubled)
    )


@pytest.mark.timeout(900)
def test_its_disk_is_full_or_read_only_and_has_no_locks(
    settings: list[str], expected: Figures, tmp_path: Path, tell_fault: TellFault
) -> None:
    """Each fault ends it in one sentence, and it is resumed once that is mended."""
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_LOCKS)
    python_path = f"{tmp_path}{os.pathsep}{os.environ['PYTHONPATH']}"
    with SmallDisk(tmp_path / "disk", "120m") as disk:
        run = Run(disk.seen / "data" / "runs" / "small")
        folder = disk.path / "data" / "runs" / "small"

        def full_in_log() -> bool:
            if not run.events_path.exists() or not told(run, TrainLogged):
                return False
            disk.fill()
            with run.events_path.open("ab", buffering=0) as log, suppress(OSError):
                while True:  # its last block has room for some events
                    log.write(b"\n")
            return True

        def full_in_model() -> bool:
            if not in_model(run):
                return False
            disk.fill()
            return True

        def read_only() -> bool:
            if not told(run, RunResumed):
                return False
            disk.shut(folder)
            return True

        def ended(arguments: list[str], befalls: Callable[[], bool]) -> tuple[int, str]:
            command = disk.start(*arguments, env={"PYTHONPATH": python_path})
            befallen = False
            while command.poll() is None:
                befallen = befallen or befalls()
                time.sleep(0.001)
            assert befallen
            return command.returncode, command.communicate()[1]

        train = ["train", "sample", *(f"--set={each}" for each in settings), "--name=small"]
        is_full = f"The disk of {folder} is full; free some room there, "
        assert_sentence(ended(train, full_in_log), is_full)
        disk.free()
        assert_sentence(ended(["resume", "small"], read_only), "its disk is read-only")
        disk.reopen(folder)
        assert "worklock.py" not in run.worker_log_path.read_text(), "its lock let it go"
        assert_sentence(ended(["resume", "small"], full_in_model), is_full)
        disk.free()
        assert ended(["resume", "small"], lambda: True) == (0, "")
        apart = rows_apart(run, expected)
    for name in ("disk full in the log", "run folder read-only", "disk full in the model"):
        tell_fault(Fault(f"{name}, then resumed", 1, 1, *apart))
    tell_fault(Fault("trained and resumed on a file system without locks", 1, 1, *apart))


def told(run: Run, kind: type[TrainLogged | RunResumed]) -> bool:
    """Whether there is such an event."""
    return any(isinstance(event, kind) for event in events_of(run))


def assert_sentence(ended: tuple[int, str], words: str) -> None:
    """A command has ended as with a mistake that its user can mend."""
    code, beside = ended
    assert (code, beside.count("\n")) == (2, 1), beside
    assert words in beside
