"""What a Trainer prints on another machine, such as a log of Slurm's, as a source of events."""

from __future__ import annotations

import time

from stplay.foreign.foreignsource import ForeignSource, ForeignStream
from stplay.foreign.printedlog import PrintedLog
from stplay.foreign.printedoutput import PIECE_BYTES, SETTLE_SECONDS
from stplay.jobs.events import Event, Replaced
from stplay.remote.remotefeed import RemoteFeed
from stplay.remote.remotehost import RemoteView
from stplay.remote.remotelink import RemoteLink
from stplay.remote.sshhost import SshHost


class RemotePrinted:
    """Reads a console log that a ``feed`` brings, as it grows.

    Its times are those of its coming: when it was written is not asked.
    """

    def __init__(self, feed: RemoteFeed) -> None:
        self.feed = feed
        self._log = PrintedLog(time.time)
        self._settled = False
        self._caught_up: float | None = None  # when all was here for the first time

    @property
    def is_behind(self) -> bool:
        """Whether there is, or may be, more than has been read, or what came last has to settle."""
        if self.feed.is_behind:
            return True
        now = time.monotonic()
        self._caught_up = self._caught_up or now
        return not self._settled and now < self._caught_up + 2 * SETTLE_SECONDS

    def read(self) -> list[Event]:
        """The events of the next piece, or of what is left where nothing came for a while."""
        while piece := self.feed.take(PIECE_BYTES):
            self._settled = False
            if events := self._log.feed(piece):
                return events
        if piece is None:
            self._log, self._settled = PrintedLog(time.time), False
            return [Replaced()]
        quiet = not self.feed.is_behind and time.monotonic() - self.feed.heard > SETTLE_SECONDS
        if quiet and not self._settled:
            self._settled = True
            return self._log.settle()
        return []

    def silence(self) -> float | None:
        """Seconds since it grew; nothing where it is gone."""
        answer = self.feed.answer
        if answer is not None and answer.size is None:
            return None
        return time.monotonic() - self.feed.heard


class RemoteStream(ForeignStream):
    """The events that are made of a console log on another machine."""

    def __init__(self, reader: RemotePrinted) -> None:
        super().__init__(reader)
        self._printed = reader

    @property
    def is_behind(self) -> bool:
        """Whether more is there, or may be, than has been told."""
        return self._printed.is_behind


class RemoteOutput(ForeignSource):
    """A console log on another machine, watched through ssh."""

    def __init__(self, host: SshHost, view: RemoteView) -> None:
        self.link = RemoteLink(host)
        self._path = view.path
        name = view.path.rpartition("/")[2]
        super().__init__(name, f"{host.shown}:{view.path}", self._begin_anew)

    def _begin_anew(self) -> RemotePrinted:
        return RemotePrinted(self.link.open(self._path))

    def events(self, offset: int = 0) -> RemoteStream:
        """Its events, always from the first on."""
        reader = self._begin_anew()
        self._reader = reader
        return RemoteStream(reader)
