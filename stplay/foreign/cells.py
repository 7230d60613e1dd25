"""What stands in the cells of other people's tables, and in the lines that they print."""

from __future__ import annotations

import math
import re

from stplay.text import clipped, printable

NUMBER = r"[-+]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,4})?|[-+]?(?:nan|inf(?:inity)?)\b"
MOST_NAME = 200
MOST_STEP = 1 << 53
MOST_EPOCH = 1e30

_NUMBER = re.compile(NUMBER, re.IGNORECASE)
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


def name_of(text: str) -> str:
    """What something is called, safe to show, and as long as a heading can be."""
    return clipped(printable(text).strip(), MOST_NAME)


def number(value: object) -> float | None:
    """``value``, a number or its text, which may not be finite; nothing where it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if not isinstance(value, str):
        return None
    text = value.strip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    return float(text) if _NUMBER.fullmatch(text) else None


def told(value: float) -> float | None:
    """``value`` as an event has it: nothing where it is not finite."""
    return value if math.isfinite(value) else None


def step_of(value: object) -> int | None:
    """The step that ``value`` tells; nothing where it is no step."""
    found = number(value)
    if found is None or not -1 <= found <= MOST_STEP or found != int(found):
        return None
    return int(found)


def epoch_of(value: object) -> float | None:
    """The epoch that ``value`` tells; nothing where it is none, as with -1."""
    found = number(value)
    return found if found is not None and 0 <= found <= MOST_EPOCH else None
