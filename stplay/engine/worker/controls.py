"""What people ask of a process at work: heard in its event log, and answered there."""

from __future__ import annotations

import time
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from stplay.engine.worker.eventsink import EventSink
from stplay.jobs.events import Control, ControlAnswered
from stplay.jobs.job import Job
from stplay.jobs.worklog import WorkLog

LOOKED_AT_SECONDS = 0.25  # a step may be shorter than a look


class Controls:
    """What was asked of the process that works on ``job`` and has no answer yet.

    What was asked of one before it is not among it. Of several processes, the first alone
    ``hears``, and tells the others.
    """

    def __init__(self, job: Job[Any], events: EventSink, *, hears: bool = True) -> None:
        self._events, self._hears = events, hears
        self._log, self._looked = WorkLog(), 0.0
        self._reader = job.events(job.fold_into(self._log) if hears else 0)

    def heard(self, *, at_once: bool = False) -> Collection[Control]:
        """What is asked for; looked at four times a second, or ``at_once``."""
        now = time.monotonic()
        if self._hears and (at_once or now - self._looked >= LOOKED_AT_SECONDS):
            self._looked = now
            with suppress(OSError):  # a disk that does not answer ends no training
                for event in self._reader.read():
                    self._log.apply(event)
        return [*self._log.asked]

    def answer(self, control: Control, step: int, refusal: str | None = None) -> None:
        """Tell that ``control`` is done after ``step``, or why it is not."""
        answer = ControlAnswered(control=control, step=step, refusal=refusal)
        self._log.apply(answer)
        self._events.write(answer)

    def refuse_rest(self, step: int, refusal: str) -> None:
        """Tell of all that is still asked for why it is not done."""
        for control in self.heard(at_once=True):
            if control != "stop":
                self.answer(control, step, refusal)
