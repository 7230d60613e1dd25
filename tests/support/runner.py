"""Small real runs for the tests: a recipe on the command line, and ways to wait for its events."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from conftest import run_stplay, write_triplets

from stplay.jobs.events import CheckpointSaved, Event, TrainLogged
from stplay.jobs.follower import Follower
from stplay.jobs.job import Job
from stplay.runs.run import Run

SMALL = {
    "training.max_steps": "24",
    "training.per_device_train_batch_size": "8",
    "training.logging_steps": "4",
    "training.save_steps": "6",
    "training.save_total_limit": "3",
    "evaluation.eval_steps": "8",
    "data.train_rows": "80",
    "data.dev_rows": "24",
    "data.test_rows": "24",
}


def small_recipe(folder: Path, **changes: str) -> list[str]:
    """Arguments of ``stplay train`` for a run of a few seconds on data in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, start in (("train", 0), ("dev", 100), ("test", 200)):
        write_triplets(folder / f"{split}.jsonl", 80, start)
    settings = SMALL | {f"data.{split}": str(folder) for split in ("train", "dev", "test")}
    settings |= {name.replace("__", "."): value for name, value in changes.items()}
    return ["train", "sample", *(f"--set={name}={value}" for name, value in settings.items())]


def start(arguments: list[str], name: str) -> Run:
    """Start a run in the background."""
    started = run_stplay(*arguments, "--name", name, "--detach")
    assert started.returncode == 0, started.stderr
    return Run.find(name)


def wait_for(run: Run, condition: Callable[[Event], bool], seconds: float = 240) -> Event:
    """The first event that fulfils ``condition``."""
    deadline = time.monotonic() + seconds
    for piece in Follower(run).pieces(pause=0.01):
        for event in piece.events:
            if condition(event):
                return event
        assert time.monotonic() < deadline, run.worker_log_path.read_text()
    raise AssertionError(run.worker_log_path.read_text())


def wait_until_over(run: Run, seconds: float = 240) -> None:
    """Wait for the end of the training process."""
    deadline = time.monotonic() + seconds
    for _ in Follower(run).pieces():
        assert time.monotonic() < deadline, run.worker_log_path.read_text()


def logged(step: int) -> Callable[[Event], bool]:
    """Whether an event is the training log of ``step`` or later."""
    return lambda event: isinstance(event, TrainLogged) and event.step >= step


def saved(step: int) -> Callable[[Event], bool]:
    """Whether an event tells that the checkpoint of ``step`` is whole."""
    return lambda event: isinstance(event, CheckpointSaved) and event.step == step


def events_of(job: Job[Any]) -> list[Event]:
    """All events of a run or an evaluation."""
    return [event for events in iter(job.events().read, []) for event in events]


def figures(run: Run) -> list[tuple[object, ...]]:
    """All that a resumed run must share with one that was never interrupted."""
    log = run.read_log()
    rows = [(row.step, row.epoch, row.training_loss, row.loss) for row in log.table()]
    accuracies = [
        (key, evaluation.cosine_accuracy, evaluation.max_accuracy)
        for key, evaluation in sorted(log.evaluations.items())
    ]
    return [*rows, *accuracies]
