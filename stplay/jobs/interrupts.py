"""The signals that ask a program to stop, heard instead of ending it."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

# What a person sends, and what schedulers send before they end a job: Slurm and LSF the signal that
# was asked for, USR1 or USR2 as a rule, Grid Engine both; and the system's at a soft time limit.
STOPPING = ("SIGINT", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGXCPU")
HANG_UP = "SIGHUP"

Handler = Callable[[int, FrameType | None], None]


def numbers(names: tuple[str, ...]) -> list[signal.Signals]:
    """The signals of these names that this system has."""
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def handle_stopping(handler: Handler) -> None:
    """Let ``handler`` take every signal that asks to stop."""
    for number in numbers(STOPPING):
        signal.signal(number, handler)


class Interrupts:
    """Counts from now on how often this program was asked to stop, and lets it go on meanwhile.

    A terminal that is closed ends it by ``let_hang_up`` only. With nohup it never does.
    """

    def __init__(self) -> None:
        self.count = 0
        # Of Ctrl+C: a person's, where a scheduler may send one signal after another.
        self.presses = 0
        self._hung_up = False
        handle_stopping(self._receive)
        for number in numbers((HANG_UP,)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._hang_up)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        self.presses += number == signal.SIGINT

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._hung_up = True

    def let_hang_up(self) -> None:
        """End with the terminal from now on, and at once where it was closed before."""
        for number in numbers((HANG_UP,)):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, signal.SIG_DFL)
            if self._hung_up:
                signal.raise_signal(number)
