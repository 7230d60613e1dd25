"""A job on disk: a folder with an event log, and the process of its own that does the work."""

from __future__ import annotations

import errno
import os
import platform
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

import psutil

from stplay.errors import UserError
from stplay.exitcodes import FAILED, WRONG_INPUT
from stplay.jobs import folders, interrupts, process
from stplay.jobs.eventlog import EventReader, EventWriter
from stplay.jobs.events import Control, ControlAsked, Event, RunFinished, WorkerStarted
from stplay.jobs.follower import Follower
from stplay.jobs.worklock import HeldError, hold
from stplay.jobs.worklog import WorkLog
from stplay.text import duration, printable

LAUNCH_SECONDS = 30.0
SILENCE_SECONDS = 60.0
EXIT_SECONDS = 5.0
PIECE_BYTES = 1 << 18  # so much is folded and shown without a pause that is felt
OUTPUT_BYTES = 1 << 16

LOCK = "worker.lock"  # held by the process that is at work

Log = TypeVar("Log", bound=WorkLog)

_children: dict[tuple[Path, int], process.Process] = {}  # started by this one: it can ask them


class Fold(Protocol):
    """Something that events are folded into."""

    def fold(self, events: Sequence[Event]) -> None:
        """Fold ``events`` in, one after the other."""


class LaunchStoppedError(Exception):
    """A stop was asked for, and the process was not started or ended before it said anything."""


class Job(Generic[Log]):
    """Work that goes on without whoever started it: a run or an evaluation.

    It is the source of its events: those of a folder on this disk.
    """

    module: ClassVar[str]
    process_title: ClassVar[str]
    log_type: type[Log]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.id = folder.name
        self.events_path = folder / folders.EVENTS
        self.worker_log_path = folder / "worker.log"
        self._size: int | None = None
        self._grown: float | None = None

    @property
    def arguments(self) -> tuple[str, ...]:
        """What its process is started with."""
        return (str(self.folder),)

    @property
    def title(self) -> str:
        """What people call this job."""
        raise NotImplementedError

    @property
    def advice(self) -> str:
        """What to do when its process is gone."""
        raise NotImplementedError

    @property
    def lost_advice(self) -> str:
        """What to do where nothing is heard of its process, and it is known to be gone."""
        return self.advice

    @property
    def parting_words(self) -> str:
        """What to tell whoever asked it to stop and does not wait for it."""
        return f"{self.id} was asked to stop and does so by itself"

    def stopping_words(self, log: Log) -> str:
        """What to tell whoever asked it to stop."""
        raise NotImplementedError

    def events(self, offset: int = 0) -> EventReader:
        """Its events from the byte ``offset`` on."""
        return EventReader(self.events_path, offset, PIECE_BYTES)

    def output(self) -> bytes:
        """The end of what its processes have printed; nothing where there is none of it."""
        try:
            with self.worker_log_path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - OUTPUT_BYTES))
                return file.read(OUTPUT_BYTES)
        except OSError:
            return b""

    def read_log(self) -> Log:
        """All events so far, folded; a job whose process is gone is told as failed."""
        log, _ = self._fold()
        self.check_worker(log)
        return log

    def fold_into(self, log: Fold) -> int:
        """Fold all events so far into ``log``; returns the byte at which they end."""
        reader = self.events()
        while events := reader.read():
            log.fold(events)
        return reader.offset

    def _fold(self) -> tuple[Log, int]:
        log = self.log_type()
        return log, self.fold_into(log)

    def check_worker(self, log: WorkLog, read: int = 0) -> None:
        """Tell ``log`` where its process is gone without a last word, or is not heard of.

        Whoever knows up to which byte the log was ``read`` saves reading all of it again.
        """
        if not log.active:
            return
        worker = log.worker
        try:
            silence = self._silence()
        except (FileNotFoundError, NotADirectoryError):
            log.lose_worker(f"{self.title} is gone: there is no folder {self.folder}")
            return
        except OSError as error:  # such as a shared disk that does not answer
            log.lose_sight(f"{self.events_path} cannot be looked at: {error.strerror}")
            return
        if worker is None:
            if silence > LAUNCH_SECONDS:
                log.lose_worker(
                    f"The {self.process_title} never started, as far as can be told; "
                    f"{process.output_words(self.worker_log_path)}"
                )
        elif worker.host != platform.node():
            # Another machine's processes cannot be asked, but its heartbeat would be in the log.
            if silence > SILENCE_SECONDS:
                log.lose_sight(
                    f"{self.title} was last heard of {duration(silence)} ago, from "
                    f"{printable(worker.host)}, and may be at work there still; if it is not, "
                    f"{self.lost_advice}"
                )
        elif not is_running(worker.pid, worker.process_started, self.folder):
            # Its last word, or its successor's first, may have come since ``log`` was read.
            if not read or self.events(read).read():
                newest, _ = self._fold()
                if not newest.active or newest.worker != worker:
                    return
            log.lose_worker(*self._end_of(worker))

    def _silence(self) -> float:
        """Seconds since the log grew: by our own clock where it did before our eyes.

        Its file's time is another machine's, whose clock may be wrong.
        """
        found, now = self.events_path.stat(), time.monotonic()
        if self._size not in (None, found.st_size):
            self._grown = now
        self._size = found.st_size
        silence = time.time() - found.st_mtime
        return silence if self._grown is None else min(silence, now - self._grown)

    def _end_of(self, worker: WorkerStarted) -> tuple[str, int]:
        """How a process that left no last word has ended, as far as it can be known; an exit code.

        Only who started it can ask; then it is written down for everybody else.
        """
        child = _children.get((self.folder, worker.pid))
        if child is not None:
            _await_exit(child)  # its threads may end after it: only then its parent can ask
        error = process.last_error(self.worker_log_path)
        told = f", and the last error in its output is {error}" if error else ""
        if error and os.strerror(errno.ENOSPC) in error:  # nor was there room for its last word
            sentence = f"The disk of {self.folder} is full; free some room there, and {self.advice}"
            return sentence, WRONG_INPUT
        if child is not None and (code := child.poll()) is not None:
            sentence = f"The {self.process_title} {process.ended_words(code)}{told}; {self.advice}"
            self._write_last_word(worker, sentence)
            return sentence, FAILED
        told = told or ": perhaps it was killed, by a person, or by the system when memory ran out"
        return f"The {self.process_title} ended without a last word{told}; {self.advice}", FAILED

    def _write_last_word(self, worker: WorkerStarted | None, sentence: str) -> None:
        """Say of a process what it did not say itself, unless another one is at work by now."""
        with suppress(OSError, HeldError), hold(self.folder / LOCK):
            newest, _ = self._fold()
            if newest.active and newest.worker == worker:
                events = EventWriter(self.events_path)
                events.write(RunFinished(outcome="failed", exit_code=FAILED, error=sentence))
                events.close()

    def launch(self, stop_asked: Callable[[], bool] = lambda: False) -> Follower[Log]:
        """Start the process in a session of its own, so that it outlives this one.

        Comes back once the process has said that it is at work. Returns who follows its events and
        knows what happened before. As soon as ``stop_asked``, it is asked to stop.

        Raises:
            UserError: the process ended before it said anything; the log says so too.
            LaunchStoppedError: a stop was asked for before it said anything; nothing is at work.
        """
        log, offset = self._fold()
        before = log.worker
        log.begin_again()
        if stop_asked():
            raise LaunchStoppedError
        try:
            self.events_path.touch()  # the process is late only from now on
        except OSError as error:
            raise UserError(f"{self.events_path} cannot be written: {error.strerror}.") from None
        child = process.start(*self.command(log), log=self.worker_log_path)
        _children[self.folder, child.pid] = child
        reader, begun = self.events(offset), time.monotonic()
        asked = False
        while True:
            code = child.poll()  # asked before the log is read: then all it said is there
            if any(isinstance(event, WorkerStarted) for event in reader.read()):
                break
            if code is not None:
                # Ctrl+C reaches it too, until it is in a session of its own.
                if stop_asked() and -code in interrupts.numbers(interrupts.STOPPING):
                    raise LaunchStoppedError
                sentence = (
                    f"The {self.process_title} of {self.id} could not start: it "
                    f"{process.ended_words(code)}; {process.output_words(self.worker_log_path)}"
                )
                self._write_last_word(before, sentence)
                raise UserError(sentence)
            if stop_asked() and not asked:
                asked = True
                child.terminate()
            if time.monotonic() - begun > LAUNCH_SECONDS:
                break  # it may yet come; whoever follows the run is told if it does not
            time.sleep(0.02)
        return Follower(self, log, offset)

    def command(self, log: Log) -> list[str]:
        """The module that does the work of a job of which ``log`` is known, and its arguments."""
        return [self.module, *self.arguments]

    def await_exit(self) -> None:
        """Wait, a moment at most, for a process that was started here and is at its end.

        Until it has let go of what it held, nobody can resume.
        """
        for (folder, _), child in list(_children.items()):
            if folder == self.folder:
                _await_exit(child)

    def _write_asked(self, control: Control) -> None:
        """Ask the process at work for ``control``: it hears its event log, and answers there."""
        events = EventWriter(self.events_path)
        try:
            events.write(ControlAsked(control=control, by=psutil.Process().username()))
        finally:
            events.close()

    def _worker_here(self, log: Log) -> WorkerStarted | None:
        """The process at work on this machine, where ``log`` is all that is known of the job.

        Raises:
            UserError: it is, or may be, at work on another machine.
        """
        if not log.active or log.worker is None:
            return None
        if log.status == "lost":
            raise UserError(log.error or "")
        if log.worker.host != platform.node():
            raise UserError(
                f"{self.title} is at work on {printable(log.worker.host)}; stop it there."
            )
        return log.worker

    def request_stop(self) -> bool:
        """Ask the process to save what is worth it and end; false where none is at work.

        Raises:
            UserError: the job is, or may be, at work on another machine, or is another user's.
        """
        log = self.read_log()
        worker = self._worker_here(log)
        if worker is None:
            return False
        if "stop" not in log.asked:
            with suppress(OSError):  # a disk that is full hinders no stop
                self._write_asked("stop")
        try:
            os.kill(worker.pid, signal.SIGTERM)
        except ProcessLookupError:  # it has just ended
            return False
        except PermissionError:
            raise UserError(f"{self.title} is another user's; they can stop it.") from None
        return True


def _await_exit(child: process.Process) -> None:
    deadline = time.monotonic() + EXIT_SECONDS
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)


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
