"""The vector of one sentence: its numbers as a strip of colour, its tokens, its share in a pair."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from rich.style import Style
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Static

from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.shared import ramp
from stplay.screens.shared.ramp import FAINT, MUTED
from stplay.text import count, decimals, printable

MOST_TOKENS = 80
MOST_DIMENSIONS = 8


class SentenceVector(NamedTuple):
    """A sentence, its vector by ``model``, the tokens that it read, and how many it ``dropped``."""

    sentence: Sentence
    model: str
    vector: NDArray[np.float32]
    tokens: list[str]
    dropped: int


class VectorStrip(Widget):
    """All numbers of a vector, line by line; a terminal cell shows two, one above the other."""

    def __init__(self) -> None:
        super().__init__()
        self._shades = np.empty(0, np.intp)

    def show(self, vector: NDArray[np.float32]) -> None:
        """Shade ``vector``: a zero has the middle shade."""
        largest = float(np.abs(vector[np.isfinite(vector)]).max(initial=0.0))
        taller = len(vector) != len(self._shades)
        self._shades = ramp.shades(vector, -largest, largest)
        self.refresh(layout=taller)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Room for two numbers a cell."""
        return self._rows(width) // 2

    def _rows(self, width: int) -> int:
        """How many rows of numbers there are, two a line."""
        return 2 * math.ceil(len(self._shades) / (2 * max(1, width)))

    def render_line(self, y: int) -> Strip:
        """Two rows of numbers."""
        width = math.ceil(len(self._shades) / max(1, self._rows(self.size.width)))
        upper = self._shades[2 * y * width : (2 * y + 1) * width]
        lower = self._shades[(2 * y + 1) * width : (2 * y + 2) * width]
        base = self.rich_style
        segments = []
        for place, top in enumerate(upper):
            bottom = ramp.HEXES[lower[place]] if place < len(lower) else None
            segments.append(Segment("▀", base + Style(color=ramp.HEXES[top], bgcolor=bottom)))
        return Strip(segments, len(segments)).adjust_cell_length(self.size.width, base)


class VectorView(Vertical):
    """What a model made of one sentence, in lines of one height: nothing is laid out anew."""

    title = getters.query_one("#vector-title", Static)
    strip = getters.query_one(VectorStrip)
    tokens = getters.query_one("#vector-tokens", Static)
    shares = getters.query_one("#vector-shares", Static)

    def compose(self) -> ComposeResult:
        """Facts, colours, tokens, and the dimensions that matter for the pair."""
        yield Static(id="vector-title")
        yield VectorStrip()
        yield Static(id="vector-tokens")
        yield Static(id="vector-shares")

    def show(self, shown: SentenceVector, *, named: bool) -> None:
        """Show the vector of a sentence and the tokens that it was made of, and whose it is."""
        self.title.update(vector_words(shown, named=named), layout=False)
        self.strip.show(shown.vector)
        self.tokens.update(token_words(shown, most=MOST_TOKENS), layout=False)

    def show_shares(self, pair: str, shares: list[tuple[int, float]]) -> None:
        """Show the dimensions that contribute most to the cosine of ``pair``."""
        parts = [
            Content.assemble((f"{dimension} ", MUTED), f"{value:+.3f}")
            for dimension, value in shares
        ]
        lead = Content.styled(f"weighs most in {pair}   dimension " if parts else "", "bold")
        self.shares.update(lead + Content("   ").join(parts), layout=False)


def vector_words(shown: SentenceVector, *, named: bool) -> Content:
    """The facts of a vector in one line, with its model where that is to be ``named``."""
    vector = shown.vector
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    facts = (
        ("norm", decimals(norm, 3)),
        ("min", decimals(float(vector.min()), 3)),
        ("max", decimals(float(vector.max()), 3)),
    )
    parts = [Content.assemble((f"{name} ", MUTED), value) for name, value in facts]
    whose = (f" by {printable(shown.model)}", MUTED) if named else ""
    lead = Content.assemble(
        (f"vector of {shown.sentence.number}", "bold"), whose, f"   {len(vector)} numbers"
    )
    return Content("   ").join([lead, *parts])


def token_words(shown: SentenceVector, most: int | None = None) -> Content:
    """The tokens that were read, at ``most`` so many of them, and how many were not."""
    read = len(shown.tokens)
    if shown.dropped:
        lead = Content.assemble(
            (f"{count(read)} of {count(read + shown.dropped)} tokens", "bold"),
            ("; the rest is cut off   ", "$warning"),
        )
    else:
        lead = Content.styled(f"{count(read)} token{'' if read == 1 else 's'}   ", "bold")
    listed = shown.tokens[:most]
    words = Content.styled(" · ", FAINT).join([Content(printable(token)) for token in listed])
    return lead + words + Content(" …" if len(listed) < read else "")
