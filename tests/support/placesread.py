"""Places of other people's trainings, read as a watcher reads them, to their end."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from stplay.foreign import places
from stplay.foreign.foreignlog import ForeignLog
from stplay.foreign.foreignsource import ForeignSource
from stplay.jobs.events import Event
from stplay.jobs.follower import Follower


def read_place(path: Path | str) -> list[Event]:
    """All that is told at ``path`` so far."""
    source = places.place(str(path)).source
    assert isinstance(source, ForeignSource)
    follower, events = Follower(source), []
    while not follower.caught_up:
        events += follower.advance().events
    return events


def folded(events: Iterable[Event]) -> ForeignLog:
    """The log of these events."""
    log = ForeignLog()
    for event in events:
        log.apply(event)
    return log


def let_settle(path: Path) -> None:
    """Make ``path`` a file that nobody has written to for a minute."""
    found = path.stat()
    os.utime(path, (found.st_atime - 60, found.st_mtime - 60))
