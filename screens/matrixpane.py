"""A matrix under a line that tells whose it is and what its shades mean."""

from __future__ import annotations

from rich.cells import cell_len
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from stplay.screens import ramp
from stplay.screens.matrix import Grid, Matrix, decimal_places, fitted, written
from stplay.screens.ramp import MUTED

MOST_TITLE = 24
TEACHING = Content.styled(
    "Type sentences, one a line: how similar they are stands here as you type.", MUTED
)


class MatrixPane(Vertical):
    """One matrix and its title."""

    title = getters.query_one(".matrix-title", Static)
    matrix = getters.query_one(Matrix)

    def compose(self) -> ComposeResult:
        """The title line, then the matrix."""
        yield Static(classes="matrix-title")
        yield Matrix()

    def show(self, grid: Grid | None, title: str, order: str, legend_width: int) -> None:
        """Show ``grid``, which stands in ``order``, under ``title``; without one, nothing."""
        self.matrix.show(grid)
        if grid is None or not grid.numbers:
            self.title.update(TEACHING)
            return
        places = min(2, decimal_places(grid.values))
        low, high = written(grid.low, places), written(grid.high, places)
        if grid.signed:
            low, high = "0", f"±{high}"
        legend = ramp.legend(low, high, legend_width)
        title = fitted(title, min(cell_len(title), MOST_TITLE))
        words = Content.assemble((title, "bold"), "   ", legend, (f"   {order}", MUTED))
        if grid.threshold is not None:
            words += Content.styled(f"   dim below {written(grid.threshold, 2)}", MUTED)
        self.title.update(words)
