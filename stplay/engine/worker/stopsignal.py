"""What asks a process of ours to stop, and what must not."""

from __future__ import annotations

import signal
from types import FrameType

from stplay.jobs import interrupts


class Stopped(BaseException):
    """A stop was asked for where there is no step to finish first."""


class StopSignal:
    """Turns what asks to stop into ``Stopped``, or, while ``deferred``, into ``requested``.

    A terminal that is closed and a reader that goes away do not stop the work. ``warning`` is the
    name of the signal, where it is not one that a person sends.
    """

    def __init__(self) -> None:
        self.requested = False
        self.deferred = True
        self.raised = False
        self.warning: str | None = None
        interrupts.handle_stopping(self._receive)
        for number in interrupts.numbers((interrupts.HANG_UP, "SIGPIPE")):
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number not in (signal.SIGTERM, signal.SIGINT):
            self.warning = signal.Signals(number).name
        self.requested = True
        if not self.deferred:
            self.deferred = self.raised = True
            raise Stopped

    def check(self) -> None:
        """Raise ``Stopped`` where a stop was asked for."""
        if self.requested:
            raise Stopped
