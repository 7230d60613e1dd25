"""The events of a training, and beside them what its watchdog has to say."""

from __future__ import annotations

import threading

from stplay.engine.worker.eventsink import EventSink
from stplay.jobs.events import Event, Noted
from stplay.runs.run import Run
from stplay.runs.watchdog import Watchdog


class WatchedEvents:
    """Where the events of a run go on to; what to know of them is noted behind them."""

    def __init__(self, run: Run, events: EventSink) -> None:
        self.events = events
        self._watchdog = Watchdog()
        self._lock = threading.Lock()  # the heart beats beside the training
        reader = run.events()
        while past := reader.read():  # of the processes that a resume goes on from
            for event in past:
                self._watchdog.apply(event)

    def write(self, event: Event) -> None:
        """Take ``event``.

        Raises:
            OSError: the disk is full.
        """
        self.events.write(event)
        if isinstance(event, Noted):
            return
        with self._lock:
            for noted in self._watchdog.apply(event):
                self.events.write(noted)
