"""A job on disk: a folder with an event log, and the process of its own that does the work."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Generic, TypeVar

import psutil

from stplay import process, runfolders
from stplay.errors import UserError
from stplay.events import Event, EventReader, WorkerStarted
from stplay.text import printable
from stplay.worklog import WorkLog

LAUNCH_SECONDS = 30.0
SILENCE_SECONDS = 60.0

Log = TypeVar("Log", bound=WorkLog)


class Job(Generic[Log]):
    """Work that goes on without whoever started it: a run or an evaluation."""

    module: ClassVar[str]
    process_title: ClassVar[str]
    log_type: type[Log]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.events_path = folder / runfolders.EVENTS
        self.worker_log_path = folder / "worker.log"

    @property
    def title(self) -> str:
        """What people call this job."""
        raise NotImplementedError

    @property
    def advice(self) -> str:
        """What to do when its process is gone."""
        raise NotImplementedError

    def read_log(self) -> Log:
        """All events so far, folded; a job whose process is gone is told as failed."""
        log, _ = self._fold()
        self.check_worker(log)
        return log

    def _fold(self) -> tuple[Log, int]:
        log, reader = self.log_type(), EventReader(self.events_path)
        while events := reader.read():
            for event in events:
                log.apply(event)
        return log, reader.offset

    def check_worker(self, log: Log) -> None:
        """Tell ``log`` where its process is gone without a last word."""
        if not log.active:
            return
        worker = log.worker
        try:
            silence = time.time() - self.events_path.stat().st_mtime
        except OSError:
            log.lose_worker(f"{self.title} is gone: there is no folder {self.folder}")
            return
        if worker is None:
            if silence > LAUNCH_SECONDS:
                log.lose_worker(
                    f"The {self.process_title} never started; its output is in "
                    f"{self.worker_log_path}"
                )
        elif worker.host != platform.node():
            # Another machine's processes cannot be asked, but its heartbeat would be in the log.
            if silence > SILENCE_SECONDS:
                log.lose_worker(
                    f"No sign of life from {printable(worker.host)}; if nothing is at work there "
                    f"any more, {self.advice}"
                )
        elif not is_running(worker.pid, worker.process_started, self.folder):
            # Its last word, or its successor's first, may have come since ``log`` was read.
            newest, _ = self._fold()
            if not newest.active or newest.worker != worker:
                return
            log.lose_worker(
                f"The {self.process_title} was killed (by a person, or by the system when memory "
                f"ran out); {self.advice}"
            )

    def launch(self) -> tuple[Log, int]:
        """Start the process in a session of its own, so that it outlives this one.

        Comes back once the process has said that it is at work. Returns what happened before and
        the byte offset at which its events begin.

        Raises:
            UserError: the process ended before it said anything.
        """
        log, offset = self._fold()
        log.begin_again()
        self.events_path.touch()  # the process is late only from now on
        child = process.start(self.module, str(self.folder), log=self.worker_log_path)
        reader, begun = EventReader(self.events_path, offset), time.monotonic()
        while not any(isinstance(event, WorkerStarted) for event in reader.read()):
            if child.poll() is not None:
                raise UserError(
                    f"The {self.process_title} of {self.id} could not start; its output is in "
                    f"{self.worker_log_path}"
                )
            if time.monotonic() - begun > LAUNCH_SECONDS:
                break  # it may yet come; whoever follows the run is told if it does not
            time.sleep(0.02)
        return log, offset

    def request_stop(self) -> bool:
        """Ask the process to save what is worth it and end; false where none is at work.

        Raises:
            UserError: the job is at work on another machine.
        """
        log = self.read_log()
        if not log.active or log.worker is None:
            return False
        if log.worker.host != platform.node():
            raise UserError(
                f"{self.title} is at work on {printable(log.worker.host)}; stop it there."
            )
        try:
            os.kill(log.worker.pid, signal.SIGTERM)
        except ProcessLookupError:  # it has just ended
            return False
        except PermissionError:
            raise UserError(f"{self.title} is another user's; they can stop it.") from None
        return True

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
    the job's ``folder`` on its command line.
    """
    try:
        found = psutil.Process(pid)
        if found.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(found.create_time() - started) < 1.0 or str(folder) in found.cmdline()
    except psutil.Error:
        return False
