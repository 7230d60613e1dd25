"""A job that is no folder: its event log lies in memory."""

from __future__ import annotations

import msgspec

from stplay.jobs.eventlog import decode_events
from stplay.jobs.events import Event
from stplay.jobs.worklog import WorkLog
from stplay.runs.traininglog import TrainingLog

PIECE_BYTES = 1 << 11


class MemoryStream:
    """The events of a log in memory from ``offset`` on."""

    is_behind = False

    def __init__(self, source: MemorySource, offset: int) -> None:
        self.source = source
        self.offset = offset
        self.text = b""

    def read(self) -> list[Event]:
        """The next piece."""
        piece = self.source.log[self.offset : self.offset + PIECE_BYTES]
        events, length = decode_events(piece)
        self.text = piece[:length]
        self.offset += length
        return events


class MemorySource:
    """A training whose events are told to it; what is asked of it is counted."""

    log_type = TrainingLog
    parting_words = "it ends by itself"

    def __init__(self, *events: Event) -> None:
        self.log = b""
        self.silent = False
        self.gone = False
        self.checks = 0
        self.stops = 0
        self.deaf_stops = 0  # so often nobody is there yet who could stop
        self.told_at_stop: list[Event] = []
        self.tell(*events)

    def tell(self, *events: Event) -> None:
        """Append to the log."""
        self.log += b"".join(msgspec.json.encode(event) + b"\n" for event in events)

    def events(self, offset: int = 0) -> MemoryStream:
        """Its events."""
        return MemoryStream(self, offset)

    def check_worker(self, log: WorkLog) -> None:
        """Tell ``log`` what it was made to be."""
        self.checks += 1
        if log.active and self.gone:
            log.lose_worker("It is gone.")
        elif log.active and self.silent:
            log.lose_sight("It is not heard of.")

    def request_stop(self) -> bool:
        """Stop, once somebody is there."""
        self.stops += 1
        if self.stops <= self.deaf_stops:
            return False
        self.tell(*self.told_at_stop)
        return True

    def stopping_words(self, log: TrainingLog) -> str:
        """What is said then."""
        return f"it stops at step {log.step}"

    def output(self) -> bytes:
        """Nothing."""
        return b""
