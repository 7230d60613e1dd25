"""A matrix under a line that tells whose it is and what its shades mean."""

from __future__ import annotations

from rich.cells import cell_len
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stplay.screens.shared import ramp
from stplay.screens.shared.grid import Grid, decimal_places, written
from stplay.screens.shared.matrix import Matrix, fitted
from stplay.screens.shared.ramp import MUTED

MOST_NAME = 24
WIDE = 50
TEACHING = "Type sentences, one a line: how similar they are stands here as you type."


class MatrixPane(Vertical):
    """One matrix and its title."""

    title = getters.query_one(".matrix-title", Static)
    matrix = getters.query_one(Matrix)

    def __init__(self) -> None:
        super().__init__()
        self._whose = self._awaited = ""
        self._order = ""

    def compose(self) -> ComposeResult:
        """The title line, then the matrix."""
        yield Static(classes="matrix-title")
        yield Matrix()

    def show_nothing(self, awaited: str) -> None:
        """There is no matrix: tell what is ``awaited``, or what would stand here."""
        self._awaited = awaited
        self.matrix.show(None)
        self._tell()

    def show(self, grid: Grid, whose: str, order: str) -> None:
        """Show ``grid``, which stands in ``order``, under ``whose`` it is."""
        self._whose, self._order = fitted(whose, min(cell_len(whose), MOST_NAME)), order
        self.matrix.show(grid)
        self._tell()

    def on_resize(self) -> None:
        """Tell as much as there is room for."""
        self._tell()

    def _tell(self) -> None:
        grid = self.matrix.grid
        if grid is None or not grid.numbers:
            words = Content.styled(self._awaited or TEACHING, MUTED)
            self.title.update(words, layout=False)
            return
        places = min(2, decimal_places(grid.values))
        low, high = written(grid.low, places), written(grid.high, places)
        if grid.signed:
            low, high = "0", f"±{high}"
        room = self.size.width
        words = Content.styled(self._whose, "bold")
        facts = [
            ramp.legend(low, high, 12 if room > WIDE else 6),
            Content.styled(self._order, MUTED),
        ]
        if grid.threshold is not None:
            facts.append(Content.styled(f"dim below {written(grid.threshold, 2)}", MUTED))
        for fact in facts:
            if words.cell_length + 4 + fact.cell_length > room:
                break
            if fact:
                words += Content("   ") + fact
        self.title.update(words, layout=False)
