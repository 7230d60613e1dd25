"""The signals that end the app: the terminal is left as it was found, and what trains goes on."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

ENDING = ("SIGHUP", "SIGTERM", "SIGINT")
PATIENCE_SECONDS = 5.0  # a link that is frozen takes nothing more, and would keep the app for ever


class EndingSignals:
    """Hears the signals of ``ENDING``, and has the app ``leave`` at the first of them.

    One that was ignored before, as under nohup, stays so.
    """

    def __init__(self, leave: Callable[[], None]) -> None:
        self.received: int | None = None
        self._leave = leave
        self._before: dict[int, signal._HANDLER] = {}

    def hear(self) -> None:
        """Take the signals; to be called in the main thread."""
        for number in (getattr(signal, name) for name in ENDING if hasattr(signal, name)):
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._take)

    def let_be(self) -> None:
        """Take them no more."""
        for number, before in self._before.items():
            signal.signal(number, before)
        self._before.clear()

    def _take(self, number: int, frame: FrameType | None) -> None:
        if _terminal_is_gone():  # nothing can be put in order there, and to try waits for ever
            end_by(number)
        if self.received is not None:
            return
        self.received = number
        timer = threading.Timer(PATIENCE_SECONDS, os._exit, (128 + number,))
        timer.daemon = True
        timer.start()
        self._leave()


def _terminal_is_gone() -> bool:
    with suppress(ImportError, ValueError, AttributeError):  # there is none, or no such system
        import termios

        try:
            termios.tcgetattr(sys.stdin.fileno())
        except termios.error:
            return True
    return False


def end_by(number: int) -> None:
    """End this process as the signal ``number`` does where nobody hears it."""
    signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
