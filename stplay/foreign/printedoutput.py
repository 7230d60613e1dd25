"""Where a Trainer's output is read from: a file that grows, or a pipe."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path

from stplay.foreign.printedlines import bar_of, cleaned
from stplay.foreign.printedlog import PrintedLog
from stplay.jobs.events import Event, Replaced

PIECE_BYTES = 1 << 18
TAIL_BYTES = 1 << 16
SETTLE_SECONDS = 1.0  # so long after the last byte, nothing more belongs to it


class PrintedFile:
    """Reads a console log from its start on, as it grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._settled = False
        self._written: float | None = 0.0
        self._log = self._begin()

    def _begin(self) -> PrintedLog:
        return PrintedLog(lambda: self._written or 0.0, _begun(self.path))

    def read(self) -> list[Event]:
        """The events of the next piece, or of what is left where nothing came for a while."""
        events: list[Event] = []
        try:
            with self.path.open("rb") as file:
                found = os.fstat(file.fileno())
                self._written = found.st_mtime
                if found.st_size < self._offset:
                    self._offset, self._log = 0, self._begin()
                    return [Replaced()]
                file.seek(self._offset)
                while not events and (data := file.read(PIECE_BYTES)):
                    self._offset += len(data)
                    self._settled = False
                    events = self._log.feed(data)
        except OSError:
            self._written = None
            return []
        if not events and not self._settled and time.time() - self._written > SETTLE_SECONDS:
            self._settled = True
            return self._log.settle()
        return events

    def silence(self) -> float | None:
        """Seconds since it grew; nothing where it is gone."""
        return None if self._written is None else max(0.0, time.time() - self._written)


def _begun(path: Path) -> float | None:
    """When the training began that a file tells of last, as its newest bar tells."""
    try:
        with path.open("rb") as file:
            written = os.fstat(file.fileno()).st_mtime
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            tail = file.read(TAIL_BYTES).decode("utf-8", "replace")
    except OSError:
        return None
    for line in reversed(tail.replace("\r", "\n").split("\n")):
        bar = bar_of(cleaned(line))
        if bar is not None and not bar.label:
            return written - bar.elapsed
    return None


class PrintedPipe:
    """Reads what comes through the pipe ``descriptor``, without waiting for it."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._log = PrintedLog(time.time, pipe=True)
        self._heard = time.time()
        self._ended = self._settled = False

    def read(self) -> list[Event]:
        """The events of what has come, and at its end the last ones."""
        while not self._ended and select.select([self.descriptor], [], [], 0)[0]:
            data = os.read(self.descriptor, PIECE_BYTES)
            self._heard, self._settled = time.time(), False
            self._ended = not data
            events = self._log.settle(ended=True) if self._ended else self._log.feed(data)
            if events:
                return events
        if not self._settled and not self._ended and time.time() - self._heard > SETTLE_SECONDS:
            self._settled = True
            return self._log.settle()
        return []

    def silence(self) -> float:
        """None: the pipe tells when its writer has ended."""
        return 0.0
