"""The matrices of an arrangement, side by side: one a model, and the difference of two."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.reactive import var

from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.matrixpane import MOST_NAME, MatrixPane
from stplay.screens.shared.matrix import Matrix
from stplay.text import shortened

MOST = 3


class Matrices(Horizontal):
    """Shows as many panes as there are grids; they scroll together."""

    arrangement: var[Arrangement | None] = var(None)
    pair: var[tuple[int, int]] = var((0, 0))
    awaited: var[str] = var("")

    def __init__(self) -> None:
        super().__init__(id="matrices")
        self._panes = [MatrixPane() for _ in range(MOST)]

    def compose(self) -> ComposeResult:
        """The panes."""
        yield from self._panes

    def watch_arrangement(self) -> None:
        """Show the grids, the cursor on the pair."""
        shown = self.arrangement
        if shown is None:
            self._show_nothing()
            return
        titles = shortened(shown.titles, MOST_NAME)
        for place, pane in enumerate(self._panes):
            pane.display = place < len(shown.grids)
            if pane.display:
                order = shown.order_words if place == 0 else ""
                pane.show(shown.grids[place], titles[place], order)
            elif pane.matrix.has_focus:
                self.take_focus()
        self.watch_pair()

    def watch_awaited(self) -> None:
        """Tell what is awaited, where it is not there."""
        if self.arrangement is None:
            self._show_nothing()

    def _show_nothing(self) -> None:
        for place, pane in enumerate(self._panes):
            pane.display = place == 0
        self._panes[0].show_nothing(self.awaited)

    def watch_pair(self) -> None:
        """Put the cursor of each matrix on the pair."""
        for pane in self._panes:
            if pane.display:
                pane.matrix.place_cursor(*self.pair)

    @on(Matrix.Scrolled)
    def _scroll_together(self, event: Matrix.Scrolled) -> None:
        for pane in self._panes:
            if pane.display and pane.matrix is not event.matrix:
                pane.matrix.scroll_to(*event.matrix.scroll_offset, animate=False)

    def take_focus(self) -> None:
        """Let keys move the cursor."""
        self._panes[0].matrix.focus()
