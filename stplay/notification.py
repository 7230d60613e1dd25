"""A word for whoever looks elsewhere: the terminal's bell, and a notification of the desktop.

Terminals know two codes for a notification, OSC 9 (iTerm2, kitty, Windows Terminal) and OSC 777
(urxvt, foot, VTE); those that know neither show nothing. tmux hands both on where it is told so
(``set -g allow-passthrough on``).
"""

from __future__ import annotations

from collections.abc import Mapping

from stplay.text import clipped, printable

BELL = "\a"
MOST_CHARACTERS = 200
TITLE = "stplay"


def codes(text: str, environment: Mapping[str, str]) -> str:
    """What to send to the terminal that ``environment`` tells of."""
    if environment.get("TERM", "dumb") == "dumb":
        return BELL
    # A semicolon parts the fields of 777.
    body = clipped(printable(text).replace(";", ","), MOST_CHARACTERS)
    sequences = (f"\x1b]9;{TITLE}: {body}{BELL}", f"\x1b]777;notify;{TITLE};{body}{BELL}")
    if environment.get("TMUX"):
        sequences = tuple(_through_tmux(sequence) for sequence in sequences)
    return "".join((BELL, *sequences))


def _through_tmux(sequence: str) -> str:
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"
