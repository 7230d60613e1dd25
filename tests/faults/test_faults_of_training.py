"""Faults of a training: killed wherever it is, its folder gone, another log in the place of its."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from faulttable import Fault, TellFault, compared
from runner import events_of, figures, logged, small_recipe, wait_for, wait_until_over

from stplay.jobs.events import TrainLogged
from stplay.jobs.manifest import MANIFEST
from stplay.runs import recipe
from stplay.runs.run import Run

Moment = Callable[[Run], bool]
Figures = list[tuple[object, ...]]

KILLS = 20
STEPS = 30


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
