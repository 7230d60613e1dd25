"""A run on disk: create, launch, follow, stop, resume, find and list."""

from __future__ import annotations

import os
import platform
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil

from stplay import home, recipe, runfolders
from stplay.errors import UserError
from stplay.events import Event, EventReader, WorkerStarted
from stplay.recipe import Recipe
from stplay.text import printable
from stplay.traininglog import Status, TrainingLog

LAUNCH_SECONDS = 30.0
SILENCE_SECONDS = 60.0


class RunSummary(msgspec.Struct):
    """One line of a list of runs; ``started`` is in seconds since 1970."""

    run: str
    status: Status
    step: int
    total_steps: int | None
    dev_max_accuracy: float | None
    test_max_accuracy: float | None
    started: float | None
    error: str | None
    folder: str


class Run:
    """One run: a folder with its recipe, event log, worker log, checkpoints and model."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.recipe_path = folder / "recipe.toml"
        self.events_path = folder / runfolders.EVENTS
        self.worker_log_path = folder / "worker.log"

    def model_folder(self) -> Path:
        """The folder of the final model.

        Raises:
            UserError: the run has no final model yet.
        """
        return runfolders.model_folder(self.folder)

    def recipe(self) -> Recipe:
        """The run's recipe.

        Raises:
            UserError: the recipe was removed or damaged.
        """
        return recipe.load(self.recipe_path)

    def training_log(self) -> TrainingLog:
        """All events so far, folded; a run whose process is gone is told as failed."""
        log, _ = self._fold()
        self.check_worker(log)
        return log

    def _fold(self) -> tuple[TrainingLog, int]:
        log, reader = TrainingLog(), EventReader(self.events_path)
        while events := reader.read():
            for event in events:
                log.apply(event)
        return log, reader.offset

    def summary(self) -> RunSummary:
        """What a list of runs tells of this one."""
        log = self.training_log()
        return RunSummary(
            run=self.id,
            status=log.status,
            step=log.step,
            total_steps=log.total_steps,
            dev_max_accuracy=log.last_dev_accuracy(),
            test_max_accuracy=log.last_test_accuracy(),
            started=log.begun,
            error=log.error,
            folder=str(self.folder),
        )

    def check_worker(self, log: TrainingLog) -> None:
        """Tell ``log`` where its training process is gone without a last word."""
        if not log.active:
            return
        worker = log.worker
        try:
            silence = time.time() - self.events_path.stat().st_mtime
        except OSError:
            log.lose_worker(f"The folder of the run is gone: {self.folder}")
            return
        if worker is None:
            if silence > LAUNCH_SECONDS:
                log.lose_worker(
                    f"The training process never started; its output is in {self.worker_log_path}"
                )
        elif worker.host != platform.node():
            # Another machine's processes cannot be asked, but its heartbeat would be in the log.
            if silence > SILENCE_SECONDS:
                log.lose_worker(
                    f"No sign of life from {printable(worker.host)}; if nothing trains there any "
                    f"more, go on with: stplay resume {self.id}"
                )
        elif not is_running(worker.pid, worker.process_started, self.folder):
            # Its last word, or its successor's first, may have come since ``log`` was read.
            newest, _ = self._fold()
            if not newest.active or newest.worker != worker:
                return
            log.lose_worker(
                "The training process was killed (by a person, or by the system when memory ran "
                f"out); go on with: stplay resume {self.id}"
            )

    def launch(self) -> tuple[TrainingLog, int]:
        """Start the training process in a session of its own, so that it outlives this one.

        Comes back once the process has said that it is at work. Returns what happened before and
        the byte offset at which its events begin.

        Raises:
            UserError: the process ended before it said anything.
        """
        log, offset = self._fold()
        log.begin_again()
        self.events_path.touch()  # the process is late only from now on
        with self.worker_log_path.open("ab") as worker_log:
            process = subprocess.Popen(
                [sys.executable, "-m", "stplay.engine.train", str(self.folder)],
                # Python looks for modules in the working folder first: not in the user's.
                cwd=self.folder,
                env=home.environment(),
                stdin=subprocess.DEVNULL,
                stdout=worker_log,
                stderr=worker_log,
                start_new_session=True,
            )
        reader, begun = EventReader(self.events_path, offset), time.monotonic()
        while not any(isinstance(event, WorkerStarted) for event in reader.read()):
            if process.poll() is not None:
                raise UserError(
                    f"The training process of {self.id} could not start; its output is in "
                    f"{self.worker_log_path}"
                )
            if time.monotonic() - begun > LAUNCH_SECONDS:
                break  # it may yet come; whoever follows the run is told if it does not
            time.sleep(0.02)
        return log, offset

    def request_stop(self) -> bool:
        """Ask the training process to save a checkpoint and end; false where none is at work.

        Raises:
            UserError: the run is at work on another machine.
        """
        log = self.training_log()
        if not log.active or log.worker is None:
            return False
        if log.worker.host != platform.node():
            raise UserError(
                f"The run {self.id} is at work on {printable(log.worker.host)}; stop it there."
            )
        try:
            os.kill(log.worker.pid, signal.SIGTERM)
        except ProcessLookupError:  # it has just ended
            return False
        except PermissionError:
            raise UserError(f"The run {self.id} is another user's; they can stop it.") from None
        return True

    def check_resumable(self) -> None:
        """Make sure that the run can go on.

        Raises:
            UserError: the run is at work, or has finished.
        """
        log = self.training_log()
        if log.active:
            raise UserError(f"The run {self.id} is at work already; nothing to resume.")
        if log.status == "completed":
            raise UserError(
                f"The run {self.id} has finished; nothing to resume. Its model is in "
                f"{self.folder / 'model'}"
            )

    def follow(self, offset: int = 0, interval: float = 0.1) -> Iterator[tuple[list[Event], bytes]]:
        """The events as they come, and their lines as they stand, until the caller stops asking.

        Yields at least every ``interval`` seconds, with nothing where nothing came.
        """
        reader = EventReader(self.events_path, offset)
        while True:
            events = reader.read()
            yield events, reader.text
            if not events:
                time.sleep(interval)


def is_running(pid: int, started: float, folder: Path) -> bool:
    """Whether the process that had ``pid`` and started at ``started`` is still at work.

    Where the clock was set meanwhile, the start time is another one: then the process is known by
    the run's ``folder`` on its command line.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - started) < 1.0 or str(folder) in process.cmdline()
    except psutil.Error:
        return False


def create(recipe_: Recipe, name: str | None, stem: str) -> Run:
    """A new run folder with its recipe; without a ``name``, the next free ``<stem>-<number>``.

    Raises:
        UserError: the name is taken or unfit, or the folder cannot be made.
    """
    folder = home.runs_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"No run can be made in {folder}: {error.strerror}.") from None
    try:
        if name is None:
            path = _next_folder(folder, stem)
        else:
            if not runfolders.NAME.fullmatch(name):
                raise UserError(
                    f"{printable(name)!r} cannot name a run; use letters, digits, '.', '_' and "
                    "'-', at most 80, starting with a letter or digit."
                )
            path = folder / name
            path.mkdir()
        run = Run(path)
        run.recipe_path.write_text(recipe_.to_toml(), encoding="utf-8")
        run.events_path.touch()
    except FileExistsError:
        raise UserError(
            f"There is a run named {name} already; choose another --name, or go on with it: "
            f"stplay resume {name}"
        ) from None
    except OSError as error:
        raise UserError(f"No run can be made in {folder}: {error.strerror}.") from None
    return run


def _next_folder(folder: Path, stem: str) -> Path:
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:60] or "run"
    taken = [
        int(match[1])
        for path in folder.iterdir()
        if (match := re.fullmatch(re.escape(stem) + r"-(\d+)", path.name))
    ]
    number = max(taken, default=0)
    while True:
        number += 1
        path = folder / f"{stem}-{number}"
        try:
            path.mkdir()
        except FileExistsError:  # another start was quicker
            continue
        return path


def find(id_: str) -> Run:
    """The run called ``id_``.

    Raises:
        UserError: there is none; names those that are.
    """
    return Run(runfolders.find(id_))


def running() -> Run | None:
    """The run that is at work, the one that changed last of several."""
    return next((run for run in every() if run.training_log().active), None)


def summaries() -> list[RunSummary]:
    """The lines of the list of runs."""
    return [run.summary() for run in every()]


def every() -> list[Run]:
    """All runs, the one that changed last first."""
    return [Run(folder) for folder in runfolders.every()]
