"""The table of a training that stplay did not start: the columns are what it measured."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.widgets import DataTable

from stplay.foreign.foreignlog import ForeignLog


class ForeignTable(DataTable[Text]):
    """All that was measured, a row a step; follows the newest row while it is in view."""

    def on_mount(self) -> None:
        """A cursor over whole rows; the step stays in view where the columns are many."""
        self.cursor_type = "row"
        self._headings: tuple[str, ...] = ()
        self._lines: list[tuple[str, ...]] = []
        self._widths: list[int] = []

    def empty(self) -> None:
        """Be of a training of which nothing was told yet."""
        self.clear(columns=True)
        self._headings, self._lines, self._widths = (), [], []

    def show(self, log: ForeignLog) -> None:
        """Show what ``log`` has: the rows that have come, or all where others have changed."""
        following = self.cursor_row >= self.row_count - 1
        headings, lines = tuple(log.headings()), log.lines()
        known = len(self._lines)
        columns = zip(headings, *lines, strict=True)
        widths = [max(map(cell_len, column)) for column in columns]
        if (headings, widths) != (self._headings, self._widths) or lines[:known] != self._lines:
            self.clear(columns=True)
            for heading, width in zip(headings, widths, strict=True):
                self.add_column(Text(heading.rjust(width), end="", no_wrap=True), width=width)
            self.fixed_columns = headings.index("Step") + 1
            known = 0
        self._headings, self._lines, self._widths = headings, lines, widths
        for line in lines[known:]:
            self.add_row(
                *(
                    Text(cell.rjust(width), end="", no_wrap=True)
                    for cell, width in zip(line, self._widths, strict=True)
                )
            )
        if following and self.row_count:
            self.move_cursor(row=self.row_count - 1)
