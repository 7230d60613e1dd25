"""What the terminal answers when it is asked: how wide it draws signs, and what it can.

A sign is written, and the cursor asked for (CPR); the terminal's own kind (DA1) is asked for last,
as nearly every terminal answers that. Nothing of it stays to be seen.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Sequence
from contextlib import suppress

import msgspec

ANSWER_SECONDS = 1.0
_CURSOR = re.compile(rb"\x1b\[\d+;(\d+)R")
_KIND = re.compile(rb"\x1b\[\?([\d;]*)c")
OSC_52 = b"52"  # among the abilities of DA1: a program may write to the clipboard


class TerminalAnswers(msgspec.Struct, frozen=True):
    """How many cells each of ``signs`` takes, and whether it ``tells_clipboard`` among its kind."""

    widths: dict[str, int]
    tells_clipboard: bool


def ask_terminal(signs: Sequence[str]) -> TerminalAnswers | None:
    """What the terminal of this process answers; nothing where there is none, or it is silent."""
    try:
        import termios
        import tty

        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except (ImportError, OSError):
        return None
    try:
        before = termios.tcgetattr(terminal)
        try:
            tty.setcbreak(terminal, termios.TCSANOW)
            asked = "".join(f"\r{sign}\x1b[6n" for sign in signs)
            os.write(terminal, f"{asked}\r\x1b[K\x1b[c".encode())
            said = _said(terminal)
        finally:  # what comes late must not be taken for typed
            termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
    except (OSError, termios.error):
        return None
    finally:
        os.close(terminal)
    columns = [int(each) - 1 for each in _CURSOR.findall(said)]
    if len(columns) != len(signs):
        return None
    kind = _KIND.search(said)
    abilities = kind[1].split(b";") if kind else []
    return TerminalAnswers(dict(zip(signs, columns, strict=True)), OSC_52 in abilities)


def _said(terminal: int) -> bytes:
    said, deadline = b"", time.monotonic() + ANSWER_SECONDS
    while not _KIND.search(said) and (left := deadline - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            with suppress(BlockingIOError):
                said += os.read(terminal, 1 << 10)
    return said
