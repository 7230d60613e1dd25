"""How the curves of several runs are told apart: by colour, and by dashes for who sees none."""

from __future__ import annotations

from typing import NamedTuple

from textual.theme import Theme

from stplay.screens.shared.theme import drawn_on


class LineStyle(NamedTuple):
    """The ``place`` of a line's colour among those of curves, the ``sign`` for it, and its dashes.

    ``dashes`` are the lengths of what is drawn and of what is not, in turn, in dots of braille;
    nothing for a line without a break.
    """

    place: int
    sign: str
    dashes: tuple[int, ...]

    def colour(self, theme: Theme) -> str:
        """The colour of the line on the background of ``theme``."""
        return drawn_on(theme).curves[self.place]


LINE_STYLES = (
    LineStyle(0, "━━━", ()),
    LineStyle(1, "╺━ ", (8, 4)),
    LineStyle(2, "···", (2, 3)),
    LineStyle(3, "━·━", (8, 3, 2, 3)),
    LineStyle(4, "━╺━", (14, 3)),
    LineStyle(5, "·  ", (2, 8)),
)
