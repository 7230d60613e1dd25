"""How the link to another machine stands, and in which words people are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stplay.text import clipped, duration, printable

LinkKind = Literal["connecting", "connected", "lost", "refused"]
MOST_WORDS = 160  # of what ssh said


@dataclass(frozen=True)
class LinkState:
    """How it stands; ``since`` and ``next_try`` are moments of ``time.monotonic``.

    ``delay`` is the seconds of the last word to the other machine and back; ``words`` are the last
    ones that ssh said where the link is not up.
    """

    kind: LinkKind
    since: float
    delay: float | None = None
    next_try: float | None = None
    words: str = ""

    @property
    def is_up(self) -> bool:
        """Whether what the other machine tells comes here."""
        return self.kind == "connected"


def last_words(said: str) -> str:
    """The last line that ssh printed, safe to show: why it ended."""
    told = [line.strip() for line in said.replace("\r", "\n").split("\n") if line.strip()]
    return clipped(printable(told[-1]), MOST_WORDS) if told else ""


def link_words(state: LinkState, now: float) -> str:
    """``state`` as people say it: ``connected, 12 ms``, ``link lost 8 s ago, next try in 4 s``."""
    match state.kind:
        case "connecting":
            return "connecting"
        case "connected":
            return "connected" + (f", {_delay_words(state.delay)}" if state.delay else "")
        case "lost":
            head = f"link lost {duration(now - state.since)} ago"
        case "refused":
            head = "not let in without an answer; open it again to be asked"
    left = max(0.0, (state.next_try or now) - now)
    next_try = f"next try in {duration(left)}" if left >= 0.5 else "trying again"
    said = f" ({state.words})" if state.words else ""
    return f"{head}, {next_try}{said}"


def _delay_words(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000)):,} ms" if seconds < 1 else f"{seconds:.1f} s"
