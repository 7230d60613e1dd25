"""The selection: the pair under the cursor, and the vector of its first sentence."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from stplay.encoding import similarity
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.vectorview import MOST_DIMENSIONS, VectorView
from stplay.screens.shared.grid import CUT, Grid, decimal_places, written
from stplay.screens.shared.ramp import MUTED
from stplay.text import printable


class Selection(Vertical):
    """Tells the values of a pair, both sentences, and what the first model made of them."""

    arrangement: var[Arrangement | None] = var(None)
    pair: var[tuple[int, int]] = var((0, 0))
    awaited: var[str] = var("")

    words = getters.query_one("#pair", Static)
    vector = getters.query_one(VectorView)

    def compose(self) -> ComposeResult:
        """The pair, then the vector."""
        yield Static(id="pair")
        yield VectorView()

    def watch_awaited(self) -> None:
        """Tell what is awaited, where there is no pair."""
        self._show()

    def watch_arrangement(self) -> None:
        """Show the pair as it is seen now."""
        self._show()

    def watch_pair(self) -> None:
        """Show the sentences of the pair, and its values."""
        self._show()

    def _show(self) -> None:
        arrangement = self.arrangement
        self.vector.set_class(arrangement is None, "-empty")
        if arrangement is None:
            self.words.update(Content.styled(self.awaited, MUTED), layout=False)
            return
        first, second = (arrangement.vector(place) for place in self.pair)
        name = " × ".join(str(each.sentence.number) for each in (first, second))
        width = max(len(str(each.sentence.number)) for each in (first, second))
        values = value_words(arrangement.grids, arrangement.labels, self.pair)
        words = [Content.assemble((f"{name}   ", "bold"), values)]
        for each in (first, second):
            number = f"{each.sentence.number:>{width}}"
            mark = (CUT, "$warning") if each.dropped else " "
            words.append(
                Content.assemble((number, MUTED), mark, " ", printable(each.sentence.text))
            )
        self.words.update(Content("\n").join(words), layout=False)
        self.vector.show(first, named=len(arrangement.answers) > 1)
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
