"""The follower's face for the screens: a widget that shows a job while it is at work."""

from __future__ import annotations

import asyncio
import time
from typing import Generic, TypeVar

from textual.containers import Vertical
from textual.message import Message

from stplay.jobs.events import Event
from stplay.jobs.follower import Follower
from stplay.jobs.source import EventSource
from stplay.jobs.worklog import Status, WorkLog

LOOK_SECONDS = 0.2
SHOWN_EVERY_SECONDS = 1.0  # where much comes; what comes after a silence is shown at once
TURNS = 20  # of the loop between two pieces: a key, and what it sets off, takes several

Log = TypeVar("Log", bound=WorkLog)


class JobWatch(Vertical, Generic[Log]):
    """Follows a job a bounded piece at a time, so that the app answers meanwhile."""

    class StatusChanged(Message):
        """The job that is followed has another status now, or is over."""

    class JobEnded(Message):
        """The job that is followed was seen at work, and has ended."""

    def __init__(self, job_log: Log) -> None:
        super().__init__()
        self.follower: Follower[Log] | None = None
        self.job_log = job_log
        self._shown: tuple[Status, bool] | None = None
        self._unshown: list[Event] = []
        self._is_news = False
        self._shown_at = 0.0
        self._caught_up = False
        self._is_coming = False  # the next piece
        self.is_live = False  # seen at work, and not only read of

    def on_mount(self) -> None:
        """Look for news a few times a second."""
        self.set_interval(LOOK_SECONDS, self.look)

    @property
    def shows_all(self) -> bool:
        """Whether all is shown that the job has told so far."""
        return self._caught_up and not self._is_news

    def follow(self, source: EventSource[Log]) -> None:
        """Follow ``source`` from its first event on."""
        self.follower = Follower(source)
        self.job_log = self.follower.log
        self._shown, self._unshown, self._shown_at, self._caught_up = None, [], 0.0, False
        self._is_news = self._is_coming = False
        self.is_live = False
        self._advance(self.follower)

    def leave(self) -> None:
        """Follow nothing any more; what is known stays."""
        self.follower = None

    def look(self) -> None:
        """Look for news, unless the next piece is on its way."""
        if self.follower is not None and not self._is_coming:
            self._advance(self.follower)

    def _advance(self, follower: Follower[Log]) -> None:
        """Show the next piece, and soon the one after it, until none is left."""
        if follower is not self.follower:  # another job is followed by now
            return
        events = follower.advance().events
        self.is_live |= follower.caught_up and follower.log.active
        self._is_news |= bool(events)
        self._unshown += self.wanted(events)
        status = (follower.log.status, follower.over)
        changed = status != self._shown
        self._shown = status
        due = time.monotonic() >= self._shown_at + SHOWN_EVERY_SECONDS
        due |= follower.caught_up and not self._caught_up  # all that had been told before
        self._caught_up |= follower.caught_up
        if changed or (self._is_news and due):
            events, self._unshown, self._shown_at = self._unshown, [], time.monotonic()
            self._is_news = False
            self.show_events(events)
        if changed:
            self.post_message(self.StatusChanged())
        if self.is_live and follower.over:
            self.is_live = False
            self.post_message(self.JobEnded())
        self._is_coming = bool(events)
        if self._is_coming:
            self.call_later(self._go_on, follower)

    async def _go_on(self, follower: Follower[Log]) -> None:
        for _ in range(TURNS):
            await asyncio.sleep(0)
        self._advance(follower)

    def wanted(self, events: list[Event]) -> list[Event]:
        """Those that are to be shown one by one; the job's log has all of them."""
        return events

    def show_events(self, events: list[Event]) -> None:
        """Show the job, of which these ``events`` are new, or of which only the status is."""
        raise NotImplementedError
