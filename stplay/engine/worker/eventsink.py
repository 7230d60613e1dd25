"""Where events go: into a log, to whoever started the process, or past everybody."""

from __future__ import annotations

from typing import Protocol

from stplay.jobs.events import Event, Noted


class EventSink(Protocol):
    """Whoever takes events, such as an ``EventWriter``."""

    def write(self, event: Event, /) -> None:
        """Take ``event``."""


def note(events: EventSink, text: str) -> None:
    """Tell ``text`` as a warning."""
    events.write(Noted(level="warning", text=text))
