"""A list of triplets, of which only the lines in view are read and drawn."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from stplay.evaluations.wrongtriplets import WrongTriplet, WrongTriplets
from stplay.text import printable

MARGIN_WIDTH = 9
GAP = 2


def header(width: int) -> str:
    """The names of the columns of a list ``width`` cells wide."""
    column = _column_width(width)
    names = ("anchor", "positive", "negative")
    return "margin".rjust(MARGIN_WIDTH - GAP) + "".join(
        " " * GAP + name.ljust(column) for name in names
    )


def _column_width(width: int) -> int:
    return max(4, (width - MARGIN_WIDTH + GAP) // 3 - GAP)


class TripletList(ScrollView, can_focus=True):
    """Shows wrong triplets a line each, with a cursor."""

    COMPONENT_CLASSES: ClassVar = {"triplet-list--cursor", "triplet-list--margin"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Up", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "go(0)", "First", show=False),
        Binding("end", "go(-1)", "Last", show=False),
        Binding("enter", "choose", "Explore", show=False),
    ]

    cursor: reactive[int] = reactive(0)

    class Highlighted(Message):
        """The cursor is on another triplet; there may be none."""

    class Chosen(Message):
        """The person wants to see more of the triplet under the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._triplets: WrongTriplets | None = None

    @property
    def triplet(self) -> WrongTriplet | None:
        """The triplet under the cursor."""
        if not self._triplets or self.cursor >= len(self._triplets):
            return None
        return self._triplets[self.cursor]

    def show(self, triplets: WrongTriplets | None) -> None:
        """Show ``triplets`` from the first one on; without any, an empty place."""
        self._triplets = triplets
        self.virtual_size = Size(0, len(triplets or ()))
        self.set_reactive(TripletList.cursor, 0)
        self.scroll_to(y=0, animate=False)
        self.refresh()
        self.post_message(self.Highlighted())

    def render_line(self, y: int) -> Strip:
        """One triplet: its margin, and as much of its sentences as there is room for."""
        number, width = y + round(self.scroll_offset.y), self.scrollable_content_region.width
        if self._triplets is None or number >= len(self._triplets):
            return Strip.blank(width, self.rich_style)
        triplet, column = self._triplets[number], _column_width(width)
        style = self.rich_style
        if number == self.cursor:
            style += self.get_component_rich_style("triplet-list--cursor", partial=True)
        segments = [
            Segment(
                f"{triplet.margin:+.3f}".rjust(MARGIN_WIDTH - GAP),
                style + self.get_component_rich_style("triplet-list--margin", partial=True),
            )
        ]
        for sentence in (triplet.anchor, triplet.positive, triplet.negative):
            shown = Text(printable(sentence), no_wrap=True)
            shown.truncate(column, overflow="ellipsis", pad=True)
            segments.append(Segment(" " * GAP + shown.plain, style))
        return Strip(segments).adjust_cell_length(width, style).apply_style(Style())

    def watch_cursor(self, before: int, after: int) -> None:
        """Keep the cursor in view and tell what it is on."""
        for line in (before, after):
            self.refresh(Region(0, line - round(self.scroll_offset.y), self.size.width, 1))
        self.scroll_to_region(Region(0, after, 1, 1), animate=False)
        self.post_message(self.Highlighted())

    def _go(self, number: int) -> None:
        if self._triplets:
            self.cursor = max(0, min(number, len(self._triplets) - 1))

    def action_move(self, by: int) -> None:
        """Move the cursor by lines."""
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self._go(self.cursor + by * max(1, self.size.height - 1))

    def action_go(self, to: int) -> None:
        """Move the cursor to the first or the last line."""
        self._go(to if to >= 0 else self.virtual_size.height - 1)

    def action_choose(self) -> None:
        """Tell that the triplet under the cursor is wanted."""
        self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to where the mouse points."""
        self._go(event.y + round(self.scroll_offset.y))
