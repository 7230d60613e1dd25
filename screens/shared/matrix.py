"""The matrix of similarities as a heat map, with a cursor over its cells."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stplay.screens.shared import ramp
from stplay.screens.shared.grid import CUT, Grid, decimal_places, longest_number, written

TALLEST = 5
SHADE_WIDTH = 2
SHORTEST_LABEL, LEAST_LABEL, MOST_LABEL = 5, 11, 33
COLUMN_LINES = 1


class _Cells(NamedTuple):
    """How large the cells are, and how wide what names their rows."""

    width: int
    height: int
    label: int
    digits: int  # of the numbers that are written into them; 0 where there is no room


class Matrix(ScrollView, can_focus=True):
    """Shades every pair; writes the numbers too where there is room for them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "matrix--name",
        "matrix--name-chosen",
        "matrix--dimmed",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1, 0)", "Up", show=False),
        Binding("down", "move(1, 0)", "Down", show=False),
        Binding("left", "move(0, -1)", "Left", show=False),
        Binding("right", "move(0, 1)", "Right", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First column", show=False),
        Binding("end", "edge(-1)", "Last column", show=False),
    ]

    @dataclass
    class CursorMoved(Message):
        """The cursor of ``matrix`` stands on another pair of sentences."""

        matrix: Matrix

        def can_replace(self, message: Message) -> bool:
            """Where the cursor stands by now is all that counts."""
            return isinstance(message, Matrix.CursorMoved) and message.matrix is self.matrix

    @dataclass
    class Scrolled(Message):
        """Another part of ``matrix`` is in view."""

        matrix: Matrix

        def can_replace(self, message: Message) -> bool:
            """What is in view by now is all that counts."""
            return isinstance(message, Matrix.Scrolled) and message.matrix is self.matrix

    def __init__(self) -> None:
        super().__init__()
        self.grid: Grid | None = None
        self.cursor = (0, 0)
        self._cells = _Cells(SHADE_WIDTH, 1, LEAST_LABEL, 0)
        self._shades = np.empty((0, 0), np.intp)
        self._dimmed = np.empty((0, 0), np.bool_)
        self._places = 3
        self._names: list[str] = []

    def show(self, grid: Grid | None) -> None:
        """Show ``grid``, or nothing."""
        self.grid = grid
        if grid is not None:
            shaded = np.abs(grid.values) if grid.signed else grid.values
            self._shades = ramp.shades(shaded, grid.low, grid.high)
            self._dimmed = shaded < (-np.inf if grid.threshold is None else grid.threshold)
            self._places = decimal_places(grid.values)
            last = len(grid.numbers) - 1
            self.cursor = (min(self.cursor[0], last), min(self.cursor[1], last))
        self._measure()
        self.refresh()

    def place_cursor(self, row: int, column: int) -> None:
        """Put the cursor on the pair of the sentences ``row`` and ``column``, and show it."""
        if self.grid is None:
            return
        last = len(self.grid.numbers) - 1
        self.cursor = (min(row, last), min(column, last))
        self._scroll_to_cursor()
        self.refresh()

    # Sizes

    def on_resize(self, event: Resize) -> None:
        """Fit the cells into the new room."""
        self._measure()

    def _measure(self) -> None:
        """Choose the largest cells that fit, and write the names of the rows anew."""
        grid = self.grid
        if grid is None or not grid.numbers:
            self.virtual_size = Size(0, 0)
            return
        count = len(grid.numbers)
        room_width, room_height = self.container_size
        if COLUMN_LINES + count > room_height:
            room_width -= self.styles.scrollbar_size_vertical
        number_width = len(str(max(grid.numbers)))
        frame = number_width + 2  # a space before the number and one after it
        digits = longest_number(grid.values, self._places, signed=grid.signed)
        longest = min(MOST_LABEL, 1 + max(map(cell_len, grid.labels)))  # a space after it
        width, height, shown = SHADE_WIDTH, 1, 0
        if frame + count * (digits + 2) <= room_width:
            width, height, shown = digits + 2, 1, digits
            for taller in range(3, TALLEST + 1, 2):
                wider = digits + 2 * taller - 4
                names = frame + (longest if wider > width else 0)
                if names + count * wider <= room_width and (
                    COLUMN_LINES + count * taller <= room_height
                ):
                    width, height = wider, taller
        spare = room_width - frame - count * width
        label = min(longest, spare if shown else max(LEAST_LABEL, spare))
        label = label if label >= SHORTEST_LABEL else 0
        self._cells = _Cells(width, height, frame + label, shown)
        self._names = [
            f" {number:>{number_width}}{CUT if place in grid.cut else ' '}"
            + (f"{fitted(text, label - 1)} " if label else "")
            for place, (number, text) in enumerate(zip(grid.numbers, grid.labels, strict=True))
        ]
        self.virtual_size = Size(frame + label + count * width, COLUMN_LINES + count * height)

    # Painting

    def render_line(self, y: int) -> Strip:
        """One line of the part that is in view."""
        grid, size = self.grid, self.scrollable_content_region.size
        base = self.rich_style
        if grid is None or not grid.numbers:
            return Strip.blank(size.width, base)
        cells = self._cells
        first, skipped = divmod(self.scroll_offset.x, cells.width)
        room = max(0, size.width - cells.label)
        columns = grid.order[first : first + -(-(room + skipped) // cells.width)]
        if y < COLUMN_LINES:
            name = Segment(" " * cells.label, base)
            shown = self._column_names(grid, columns)
        else:
            place, inner = divmod(y - COLUMN_LINES + self.scroll_offset.y, cells.height)
            if place >= len(grid.order):
                return Strip.blank(size.width, base)
            row = int(grid.order[place])
            name = self._row_name(row, inner)
            shown = self._row_cells(grid, row, columns, inner)
        strip = Strip(shown, len(columns) * cells.width).crop(skipped, skipped + room)
        return Strip.join([Strip([name], cells.label), strip]).adjust_cell_length(size.width, base)

    def _name_style(self, *, chosen: bool) -> Style:
        return self.get_component_rich_style("matrix--name-chosen" if chosen else "matrix--name")

    def _column_names(self, grid: Grid, columns: Iterable[int]) -> list[Segment]:
        width = self._cells.width
        if self._cells.digits:
            return [
                Segment(
                    str(grid.numbers[column]).center(width),
                    self._name_style(chosen=column == self.cursor[1]),
                )
                for column in columns
            ]
        # Where not every number has room, every second or third one is written, and the chosen one.
        numbers = [str(grid.numbers[column]) for column in columns]
        apart = 1 + max(map(len, numbers), default=0) // width
        line = " " * (len(numbers) * width)
        chosen = next((at for at, column in enumerate(columns) if column == self.cursor[1]), None)
        for place, number in enumerate(numbers):
            start = max(0, (place + 1) * width - len(number))
            if place % apart == 0 and (chosen is None or abs(place - chosen) >= apart):
                line = line[:start] + number + line[start + len(number) :]
        if chosen is None:
            return [Segment(line, self._name_style(chosen=False))]
        end = max((chosen + 1) * width, len(numbers[chosen]))
        start = end - len(numbers[chosen])
        return [
            Segment(line[:start], self._name_style(chosen=False)),
            Segment(numbers[chosen], self._name_style(chosen=True)),
            Segment(line[end:], self._name_style(chosen=False)),
        ]

    def _row_name(self, row: int, inner: int) -> Segment:
        middle = inner == self._cells.height // 2
        name = self._names[row] if middle else " " * self._cells.label
        return Segment(name, self._name_style(chosen=row == self.cursor[0]))

    def _row_cells(
        self, grid: Grid, row: int, columns: NDArray[np.intp], inner: int
    ) -> list[Segment]:
        cells = self._cells
        written_here = cells.digits and inner == cells.height // 2
        shades, dimmed = self._shades[row], self._dimmed[row]
        faint = self.get_component_rich_style("matrix--dimmed")
        segments = []
        for column in columns:
            style = faint if dimmed[column] else ramp.STYLES[shades[column]]
            text = ""
            if written_here:
                value = float(grid.values[row, column])
                text = written(value, self._places, signed=grid.signed).rjust(cells.digits)
            elif grid.signed and not cells.digits and not dimmed[column]:
                text = "-" if grid.values[row, column] < 0 else "+"
            text = text.center(cells.width)
            if (row, column) == self.cursor:
                text, style = self._marked(text, inner), style + Style(bold=True)
            segments.append(Segment(text, style))
        return segments

    def _marked(self, text: str, inner: int) -> str:
        """A line of the cell under the cursor, with the corners of a frame."""
        height = self._cells.height
        if height == 1:
            return f"[{text[1:-1]}]"
        corners = {0: "┌┐", height - 1: "└┘"}.get(inner)
        return f"{corners[0]}{text[1:-1]}{corners[1]}" if corners else text

    # The cursor

    def action_move(self, down: int, right: int) -> None:
        """Move the cursor by cells, in the order in which they stand."""
        if self.grid is None:
            return
        places = self._places_of_cursor(self.grid)
        self._go(self.grid, places[0] + down, places[1] + right)

    def action_page(self, pages: int) -> None:
        """Move the cursor by as many rows as are in view."""
        self.action_move(pages * max(1, self.size.height // self._cells.height - 2), 0)

    def action_edge(self, column: int) -> None:
        """Move the cursor to the first or the last column."""
        if self.grid is not None:
            row, _ = self._places_of_cursor(self.grid)
            self._go(self.grid, row, column % len(self.grid.order))

    def on_click(self, event: Click) -> None:
        """Put the cursor where it was clicked."""
        grid, cells = self.grid, self._cells
        if grid is None or event.y < COLUMN_LINES:
            return
        row = (event.y - COLUMN_LINES + self.scroll_offset.y) // cells.height
        column = (event.x - cells.label + self.scroll_offset.x) // cells.width
        if event.x < cells.label:
            column = self._places_of_cursor(grid)[1]
        if row < len(grid.order) and column < len(grid.order):
            self._go(grid, row, column)

    def _places_of_cursor(self, grid: Grid) -> tuple[int, int]:
        row, column = (int(np.flatnonzero(grid.order == sentence)[0]) for sentence in self.cursor)
        return row, column

    def _go(self, grid: Grid, row: int, column: int) -> None:
        last = len(grid.order) - 1
        row, column = max(0, min(row, last)), max(0, min(column, last))
        self.place_cursor(int(grid.order[row]), int(grid.order[column]))
        self.post_message(self.CursorMoved(self))

    def _scroll_to_cursor(self) -> None:
        if self.grid is None:
            return
        row, column = self._places_of_cursor(self.grid)
        cells, size = self._cells, self.scrollable_content_region.size
        left, top = column * cells.width, row * cells.height
        x = _into_view(self.scroll_offset.x, left, cells.width, size.width - cells.label)
        y = _into_view(self.scroll_offset.y, top, cells.height, size.height - COLUMN_LINES)
        self.scroll_to(x, y, animate=False)

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Tell that another part is in view."""
        super().watch_scroll_x(old_value, new_value)
        self.post_message(self.Scrolled(self))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Tell that another part is in view."""
        super().watch_scroll_y(old_value, new_value)
        self.post_message(self.Scrolled(self))


def fitted(text: str, width: int) -> str:
    """``text`` in exactly ``width`` terminal cells, cut with an ellipsis where it is longer."""
    if cell_len(text) > width:
        return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)
    return set_cell_size(text, width)


def _into_view(scroll: int, start: int, length: int, room: int) -> int:
    """The scroll offset nearest to ``scroll`` that shows ``start`` to ``start + length``."""
    return max(min(scroll, start), start + length - room, 0)
