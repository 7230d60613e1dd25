"""Where the events of a job come from: a folder on this disk, or a log reached in another way."""

from __future__ import annotations

from typing import Protocol, TypeVar

from stplay.jobs.events import Event
from stplay.jobs.worklog import WorkLog

Log = TypeVar("Log", bound=WorkLog)


class EventStream(Protocol):
    """The events of one log, read on from where the last call ended."""

    @property
    def text(self) -> bytes:
        """The lines of the events that came last, as they stand in the log."""
        ...

    @property
    def is_behind(self) -> bool:
        """Whether it is known, or likely, that more of the log is there than has been read.

        Of a log on this disk that is only known by reading it.
        """
        ...

    def read(self) -> list[Event]:
        """A bounded piece of what came since the last call; nothing at the end of the log.

        A last line without its end is left for a later call. Where another log took the place of
        this one, a ``Replaced`` comes first, and then that one from its start.
        """
        ...


class EventSource(Protocol[Log]):
    """A job as whoever follows it knows it."""

    @property
    def log_type(self) -> type[Log]:
        """What its events are folded into."""
        ...

    def events(self, offset: int = 0) -> EventStream:
        """Its events from the byte ``offset`` on."""
        ...

    def check_worker(self, log: WorkLog) -> None:
        """Tell ``log``, which has all events, where its process is gone or not heard of."""
        ...

    def request_stop(self) -> bool:
        """Ask the process to save what is worth it and end; false where none is at work.

        Raises:
            UserError: it cannot be asked.
        """
        ...

    def stopping_words(self, log: Log) -> str:
        """What to tell whoever asked it to stop."""
        ...

    @property
    def parting_words(self) -> str:
        """What to tell whoever asked it to stop and does not wait for it."""
        ...

    def output(self) -> bytes:
        """The end of what its processes have printed; nothing where there is none of it."""
        ...
