"""The training log of a run as a table: the reference card's columns, a row each logged step."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stplay.runs.traininglog import HEADINGS, TrainingLog
from stplay.runs.trainingrows import TrainingRow
from stplay.screens.train.chart import Behind
from stplay.text import shortened

WIDTHS: dict[str, int] = dict(zip(HEADINGS, (7, 9, 13, 8, 8, 8), strict=True))
AGAINST_WIDTH = LEAST_WIDTH = 8


class TrainingTable(ScrollView, can_focus=True):
    """Shows the rows that are in view, of however many; follows the newest while it is.

    The cursor stands on a step, and stays there while rows come.
    """

    class Moved(Message):
        """The cursor stands on ``step``; on none while the newest row is followed."""

        def __init__(self, step: int | None) -> None:
            super().__init__()
            self.step = step

    COMPONENT_CLASSES: ClassVar[set[str]] = {"training-table--header", "training-table--cursor"}
    DEFAULT_CSS = """
    TrainingTable {
        background: $background;
        scrollbar-size-vertical: 1;

        & > .training-table--header { color: $text-muted; text-style: bold; }
        & > .training-table--cursor { background: $panel; }
        &:focus > .training-table--cursor { background: $primary 25%; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Row before", show=False),
        Binding("down", "move(1)", "Row after", show=False),
        Binding("pageup", "page(-1)", "Page before", show=False),
        Binding("pagedown", "page(1)", "Page after", show=False),
        Binding("home", "first", "First row", show=False),
        Binding("end", "follow", "Newest row", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rows = TrainingLog().rows
        self.step: int | None = None
        self.open(None)

    def open(self, behind: Behind | None) -> None:
        """Follow the newest row, with a column for how far dev is from what lies ``behind``."""
        self.behind, self.step, self._end = behind, None, 0.0
        self.columns = [*WIDTHS.items()]
        if behind is not None:
            name = shortened([behind.reference.name], AGAINST_WIDTH - len("to "))[0]
            self.columns.append((f"to {name}", AGAINST_WIDTH))
        self.set_class(behind is not None, "-wider")

    def show(self, log: TrainingLog) -> None:
        """Show what ``log`` has of rows."""
        in_view = self.scroll_y >= self._end
        self.rows = log.rows
        if self.rows.names:  # of a training that stplay did not start
            self.columns = [
                (title, max(WIDTHS.get(title, LEAST_WIDTH), cell_len(title)))
                for title in log.headings()
            ]
            self.add_class("-wider")
        width = sum(width + 2 for _, width in self.columns)
        self.virtual_size = Size(width, 1 + len(self.rows))
        if self.step is not None and not self.row_count:
            self.step = None
        if in_view and self.step is None:
            self._show_end()
        self.refresh()

    def _show_end(self) -> None:
        self.scroll_to(y=self.max_scroll_y, animate=False, immediate=True)
        self._end = self.scroll_y

    def on_resize(self) -> None:
        """Keep the newest row in view where it is followed."""
        if self.step is None:
            self._show_end()

    @property
    def row_count(self) -> int:
        """How many rows there are."""
        return len(self.rows)

    @property
    def cursor_row(self) -> int:
        """Where the cursor stands: on its step, or on the row before where that is gone."""
        if self.step is None:
            return self.row_count - 1
        return min(self.rows.place(self.step), self.row_count - 1)

    def cells(self, place: int) -> list[str]:
        """What stands in the columns of a row."""
        row = self.rows.at(place)
        if self.rows.names:
            return [*row.cells(self.rows.names)]
        return [*row.cells(), *([_against(self.behind, row)] if self.behind else [])]

    def move_cursor(self, place: int) -> None:
        """Put the cursor on a row; on the newest it follows."""
        if not self.row_count:
            return
        place = min(max(place, 0), self.row_count - 1)
        step = None if place == self.row_count - 1 else self.rows.at(place).step
        moved, self.step = step != self.step, step
        top, room = round(self.scroll_y), self.scrollable_content_region.height - 1
        if not top <= place < top + room:
            self.scroll_to(
                y=place if place < top else place - room + 1, animate=False, immediate=True
            )
        self.refresh()
        if moved:
            self.post_message(self.Moved(step))

    def move_to_step(self, step: int, toward: int = 0) -> None:
        """Put the cursor on the row nearest to ``step``, a row on at least where it is to go on."""
        after = min(self.rows.place(step), self.row_count - 1)
        near = [place for place in (after - 1, after) if place >= 0]
        if near:
            place = min(near, key=lambda place: abs(self.rows.at(place).step - step))
            self.move_cursor(place + (toward if place == self.cursor_row else 0))

    def render_line(self, y: int) -> Strip:
        """The header, which stays, or the row that is there."""
        left, _ = self.scroll_offset
        width = self.size.width
        if y == 0:
            texts = [title.rjust(room) for title, room in self.columns]
            strip = self._line(texts, "training-table--header")
            return strip.crop_extend(left, left + width, self.rich_style)
        place = round(self.scroll_y) + y - 1
        if place >= self.row_count:
            return Strip.blank(width, self.rich_style)
        cells = zip(self.cells(place), self.columns, strict=True)
        texts = [cell.rjust(room) for cell, (_, room) in cells]
        style = "training-table--cursor" if place == self.cursor_row else None
        strip = self._line(texts, style)
        return strip.crop_extend(left, left + width, self.rich_style)

    def _line(self, texts: list[str], component: str | None) -> Strip:
        style = self.get_component_rich_style(component) if component else Style()
        text = "".join(f" {text} " for text in texts)
        return Strip([Segment(text, self.rich_style + style)])

    def action_move(self, rows: int) -> None:
        """Go some rows on."""
        self.move_cursor(self.cursor_row + rows)

    def action_page(self, pages: int) -> None:
        """Go as many rows on as are in view."""
        self.move_cursor(self.cursor_row + pages * (self.scrollable_content_region.height - 1))

    def action_first(self) -> None:
        """Go to the first row."""
        self.move_cursor(0)

    def action_follow(self) -> None:
        """Go to the newest row, and stay with what is the newest."""
        self.move_cursor(self.row_count - 1)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row that was clicked."""
        if event.y > 0:
            self.move_cursor(round(self.scroll_y) + event.y - 1)


def _against(behind: Behind, row: TrainingRow) -> str:
    """How far dev's best accuracy is from the reference's; ``~`` where that is interpolated."""
    if row.dev_max_accuracy is None:
        return "-"
    found = behind.reference.difference(
        "dev/max_accuracy", row.dev_max_accuracy, row.step / behind.steps
    )
    if found is None:
        return "-"
    return f"{'' if found.exact else '~'}{found.value:+.3f}"
