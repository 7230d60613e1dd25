"""The matrices of an arrangement, side by side: one a model, and the difference of two."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal

from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.matrix import Matrix
from stplay.screens.explore.matrixpane import MOST_NAME, MatrixPane
from stplay.text import shortened

MOST = 3


class Matrices(Horizontal):
    """Shows as many panes as there are grids; they scroll together."""

    def __init__(self) -> None:
        super().__init__(id="matrices")
        self._panes = [MatrixPane() for _ in range(MOST)]

    def compose(self) -> ComposeResult:
        """The panes."""
        yield from self._panes

    def show_nothing(self, awaited: str) -> None:
        """There is no matrix: tell what is ``awaited``, or what would stand here."""
        for place, pane in enumerate(self._panes):
            pane.display = place == 0
        self._panes[0].show_nothing(awaited)

    def show(self, arrangement: Arrangement, pair: tuple[int, int]) -> None:
        """Show the grids of ``arrangement``, the cursor on ``pair``."""
        titles = shortened(arrangement.titles, MOST_NAME)
        for place, pane in enumerate(self._panes):
            pane.display = place < len(arrangement.grids)
            if pane.display:
                order = arrangement.order_words if place == 0 else ""
                pane.show(arrangement.grids[place], titles[place], order)
        self.place_cursor(pair)

    def place_cursor(self, pair: tuple[int, int], apart_from: Matrix | None = None) -> None:
        """Put the cursor of each matrix on ``pair``."""
        for pane in self._panes:
            if pane.display and pane.matrix is not apart_from:
                pane.matrix.place_cursor(*pair)

    @on(Matrix.Scrolled)
    def _scroll_together(self, event: Matrix.Scrolled) -> None:
        for pane in self._panes:
            if pane.display and pane.matrix is not event.matrix:
                pane.matrix.scroll_to(*event.matrix.scroll_offset, animate=False)

    def take_focus(self) -> None:
        """Let keys move the cursor."""
        self._panes[0].matrix.focus()
