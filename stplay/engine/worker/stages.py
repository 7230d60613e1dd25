"""Tells how far the work is, often enough to watch and seldom enough to keep."""

from __future__ import annotations

import time

from stplay.engine.worker.eventsink import EventSink
from stplay.jobs.events import StageProgressed

SECONDS_BETWEEN = 0.25


class Stages:
    """Writes ``StageProgressed`` events, at most one every ``seconds`` within a stage."""

    def __init__(self, events: EventSink, seconds: float = SECONDS_BETWEEN) -> None:
        self.events = events
        self.seconds = seconds
        self._stage = ""
        self._written = 0.0

    def progress(self, stage: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Tell that ``done`` of ``total`` units of ``stage`` are behind us."""
        now = time.monotonic()
        if stage == self._stage and done != total and now - self._written < self.seconds:
            return
        self._stage, self._written = stage, now
        self.events.write(StageProgressed(stage=stage, done=done, total=total, unit=unit))
