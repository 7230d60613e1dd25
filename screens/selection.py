"""The selection: the pair under the cursor, and the vector of its first sentence."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stplay import similarity
from stplay.screens.matrix import Grid, decimal_places, written
from stplay.screens.ramp import MUTED
from stplay.screens.vectorview import MOST_DIMENSIONS, SentenceVector, VectorView
from stplay.text import printable


class Selection(Vertical):
    """Tells the values of a pair, both sentences, and what the first model made of them."""

    pair = getters.query_one("#pair", Static)
    vector = getters.query_one(VectorView)

    def compose(self) -> ComposeResult:
        """The pair, then the vector."""
        yield Static(id="pair")
        yield VectorView()

    def show_nothing(self) -> None:
        """There is no pair."""
        self.pair.update("", layout=False)
        self.vector.set_class(True, "-empty")

    def show(self, first: SentenceVector, second: SentenceVector, values: Content) -> None:
        """Show a pair and its ``values``."""
        sentences = [first.sentence, second.sentence]
        name = " × ".join(str(sentence.number) for sentence in sentences)
        width = max(len(str(sentence.number)) for sentence in sentences)
        words = [Content.assemble((f"{name}   ", "bold"), values)]
        for sentence in sentences:
            number = f"{sentence.number:>{width}}  "
            words.append(Content.assemble((number, MUTED), printable(sentence.text)))
        self.pair.update(Content("\n").join(words), layout=False)
        self.vector.set_class(False, "-empty")
        self.vector.show(first)
        shares = similarity.contributions(first.vector, second.vector, MOST_DIMENSIONS)
        self.vector.show_shares(name, shares)


def value_words(grids: list[Grid], labels: list[str], pair: tuple[int, int]) -> Content:
    """What each of ``grids`` says of a pair, with the label of each."""
    parts = []
    for grid, label in zip(grids, labels, strict=False):
        places = decimal_places(grid.values) + 3
        value = written(float(grid.values[pair]), places, signed=grid.signed)
        parts.append(Content.assemble((value, "bold $primary"), (f" {label}", MUTED)))
    return Content("   ").join(parts)
