"""The event log of a run on another machine, read on as any other."""

from __future__ import annotations

from stplay.jobs.eventlog import MOST_DAMAGED_BYTES, MOST_LINE_BYTES, decode_events
from stplay.jobs.events import Damaged, Event, Replaced
from stplay.jobs.job import PIECE_BYTES
from stplay.remote.remotefeed import RemoteFeed


class RemoteLog:
    """The events that a ``feed`` brings."""

    def __init__(self, feed: RemoteFeed) -> None:
        self.feed = feed
        self.text = b""
        self._begun = b""  # a line whose end has not come
        self._in_long_line = False

    @property
    def is_behind(self) -> bool:
        """Whether there is, or may be, more than has been read."""
        return self.feed.is_behind

    def read(self) -> list[Event]:
        """The events of the whole lines that came since the last call."""
        self.text = b""
        while piece := self.feed.take(PIECE_BYTES):
            if self._in_long_line:
                _, end, piece = piece.partition(b"\n")
                self._in_long_line = not end
            text = self._begun + piece
            events, length = decode_events(text)
            self._begun = text[length:]
            if len(self._begun) > MOST_LINE_BYTES:
                events.append(Damaged(line=self._begun[:MOST_DAMAGED_BYTES]))
                self._begun, self._in_long_line = b"", True
            if events:
                self.text = text[:length]
                return events
        if piece is None:
            self._begun, self._in_long_line = b"", False
            return [Replaced()]
        return []
