"""How the curves of several runs are told apart: by colour, and by dashes for who sees none."""

from __future__ import annotations

from typing import NamedTuple

from stplay.screens.shared.theme import CURVES


class LineStyle(NamedTuple):
    """A line's ``colour``, the ``sign`` that stands for it, and its dashes.

    ``dashes`` are the lengths of what is drawn and of what is not, in turn, in dots of braille;
    nothing for a line without a break.
    """

    colour: str
    sign: str
    dashes: tuple[int, ...]


_DASHES = {
    "━━━": (),
    "╺━ ": (8, 4),
    "···": (2, 3),
    "━·━": (8, 3, 2, 3),
    "━╺━": (14, 3),
    "·  ": (2, 8),
}
LINE_STYLES = tuple(
    LineStyle(colour, sign, dashes)
    for colour, (sign, dashes) in zip(CURVES, _DASHES.items(), strict=True)
)
