"""THE loop that follows a job: its events, its silence, its stop, and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

from stplay.jobs.events import Event
from stplay.jobs.interrupts import Interrupts
from stplay.jobs.source import EventSource
from stplay.jobs.worklog import WorkLog

PAUSE_SECONDS = 0.1

Log = TypeVar("Log", bound=WorkLog)
ShownLog = TypeVar("ShownLog", bound=WorkLog, contravariant=True)


class Piece(NamedTuple):
    """What came at once: ``events``, and their ``lines`` as they stand in the log."""

    events: list[Event]
    lines: bytes


class JobView(Protocol[ShownLog]):
    """Something that shows a job while it is at work."""

    def show(self, log: ShownLog, events: list[Event], lines: bytes) -> None:
        """Show the ``events`` that just came; ``log`` has them folded in already."""

    def say(self, sentence: str) -> None:
        """Tell the person something that is no event."""

    def close(self) -> None:
        """Leave the last picture standing."""


class Follower(Generic[Log]):
    """Follows a source: ``log`` has all of its events folded in, once it has caught up.

    ``log`` is what was known before the byte ``offset``, at which the events to follow begin.
    """

    def __init__(self, source: EventSource[Log], log: Log | None = None, offset: int = 0) -> None:
        self.source = source
        self.log = source.log_type() if log is None else log
        self.caught_up = False
        self._stream = source.events(offset)

    @property
    def over(self) -> bool:
        """Whether the job has ended and all that it left was read."""
        return self.caught_up and not self.log.active

    def advance(self) -> Piece:
        """Fold in the next piece, and look for the process where there is none.

        Half a log would tell that a process is at work which has ended since: so it is looked for
        at the end of the log only.
        """
        events = self._stream.read()
        self.log.fold(events)
        self.caught_up = not events and not self._stream.is_behind
        if self.caught_up:
            self.source.check_worker(self.log)
        return Piece(events, self._stream.text)

    def pieces(self, pause: float = PAUSE_SECONDS) -> Iterator[Piece]:
        """Each piece as it comes, until the job is over.

        Yields at least every ``pause`` seconds, with nothing where nothing came.
        """
        while True:
            piece = self.advance()
            yield piece
            if self.over:
                return
            if not piece.events:
                time.sleep(pause)

    def await_end(self) -> Log:
        """All that is known once the job is over."""
        for _ in self.pieces():
            pass
        return self.log

    def show_until_end(self, view: JobView[Log], interrupts: Interrupts) -> bool:
        """Show all that comes in ``view`` until the job is over.

        Whoever interrupts once asks the job to stop. Who presses Ctrl+C again does not wait for it:
        then the answer is false.

        Raises:
            UserError: the job cannot be asked to stop.
        """
        asked = False
        try:
            for piece in self.pieces():
                view.show(self.log, piece.events, piece.lines)
                if interrupts.count and not asked and (asked := self.source.request_stop()):
                    view.say(self.source.stopping_words(self.log))
                if interrupts.presses > 1 and asked:
                    view.say(self.source.parting_words)
                    return False
        finally:
            view.close()
        return True
