"""A complaint at the field that it is of."""

from __future__ import annotations

from stplay.text import printable, shortened

MOST_CELLS = 400  # it may repeat what was pasted, of any length, and has to leave room for the form


def brief(sentence: str) -> str:
    """``sentence`` safe to show and, where it is very long, without its middle."""
    return shortened([printable(sentence)], MOST_CELLS)[0]
