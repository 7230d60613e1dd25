"""What stands on the terminal, cell by cell: of each update no more is sent than differs from it.

Textual sends all cells of what it paints anew, those too that are as they were. Over SSH, and for
hours, that is most of what is sent. Its hook for updates is not public; a test of the terminal
tells when it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from rich.control import Control
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from stplay.screens.shared.stylechange import change

if TYPE_CHECKING:
    import rich.console

# So many cells that are as they were are sent again, as it takes as much to go past them.
BETWEEN = 4
MARK = "\ue000"  # stands for a text whose style is looked at

Cell = tuple[str, int]
UNKNOWN: Cell = ("", -1)


class Painted(NamedTuple):
    """Cells of one line of the terminal, from ``x`` on."""

    x: int
    y: int
    strip: Strip


class PaintedCells:
    """Remembers what was sent to the terminal; the last update was ``sent`` by so many bytes."""

    def __init__(self) -> None:
        self.sent = 0
        self._region = Region()
        self._lines: dict[int, list[Cell]] = {}
        self._styles: dict[Style | None, int] = {}
        self._begins: dict[Style | None, str] = {None: ""}

    def begin(self, style: Style | None, console: rich.console.Console) -> str:
        """What begins ``style`` on the terminal."""
        if style not in self._begins:
            self._begins[style] = Strip([Segment(MARK, style)]).render(console).partition(MARK)[0]
        return self._begins[style]

    def forget(self) -> None:
        """Know nothing of the terminal: others may have written to it."""
        self._lines.clear()

    def spared(self, update: object) -> object:
        """``update``, or one that does the same by sending less."""
        if isinstance(update, LayoutUpdate) and update.region != self._region:
            # What was laid out for another size, and painted late, the terminal has cut as it can.
            self._region = update.region
            self.forget()
        if isinstance(update, LayoutUpdate | ChopsUpdate):
            return _SparedUpdate(update, self)
        return update

    def changed(self, piece: Painted) -> Iterator[Painted]:
        """The parts of ``piece`` that are not on the terminal; from now on they are."""
        cells = self._cells(piece.strip)
        x, y, strip = piece
        line = self._lines.setdefault(y, [])
        width = strip.cell_length
        line.extend([UNKNOWN] * (x + width - len(line)))
        if len(cells) != width:  # their widths depend on what stands beside them
            line[x : x + width] = [UNKNOWN] * width
            yield piece
            return
        before, line[x : x + width] = line[x : x + width], cells
        if before == cells:
            return
        if any(len(char) > 1 for char, _ in cells):  # it cannot be told where to cut them
            yield piece
            return
        for begin, end in _ranges([at for at in range(width) if cells[at] != before[at]]):
            while begin and not cells[begin][0]:  # the second half of a wide character
                begin -= 1
            while end < width and not cells[end][0]:
                end += 1
            yield Painted(x + begin, y, strip.crop(begin, end))

    def _cells(self, strip: Strip) -> list[Cell]:
        """A cell for each column: what begins there, or nothing where a wide one goes on."""
        cells: list[Cell] = []
        for text, style, _ in strip:
            number = self._styles.setdefault(style, len(self._styles))
            if text.isascii():
                cells += [(char, number) for char in text]
                continue
            for char in text:
                width = cell_len(char)
                if not width and cells:  # it is drawn over the one before
                    cells[-1] = (cells[-1][0] + char, cells[-1][1])
                cells += [(char, number), ("", number)][:width]
        return cells


def _ranges(places: list[int]) -> Iterator[tuple[int, int]]:
    """The places, those together between which there is little."""
    begin = last = places[0]
    for place in places:
        if place > last + BETWEEN:
            yield begin, last + 1
            begin = place
        last = place
    yield begin, last + 1


class _SparedUpdate(CompositorUpdate):
    """Sends what differs of ``update``; what that is is looked for when it is sent."""

    def __init__(self, update: LayoutUpdate | ChopsUpdate, painted: PaintedCells) -> None:
        self.update, self.painted = update, painted

    def render_segments(self, console: rich.console.Console) -> str:
        """The sequences for the terminal."""
        pieces = _of_layout if isinstance(self.update, LayoutUpdate) else _of_chops
        sent = _Sent()
        for piece in pieces(self.update):  # pyright: ignore[reportArgumentType]
            for part in self.painted.changed(piece):
                sent.go_to(part)
                for text, style, _ in part.strip:
                    sent.write(text, self.painted.begin(style, console))
        text = sent.text
        self.painted.sent = len(text.encode(errors="replace"))
        return text


class _Sent:
    """What is sent: a style once for all that is written in it, and the shortest way between."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._begin = ""  # of the style that is written in
        self._y, self._x = -1, -1  # of the cell after what was written, where that is sure

    @property
    def text(self) -> str:
        """All of it, no style left behind."""
        return "".join((*self._parts, change(self._begin, "")))

    def go_to(self, part: Painted) -> None:
        """Go where ``part`` is written now."""
        x, y, strip = part
        is_after = y == self._y and self._x < x
        go = f"\x1b[{x - self._x}C" if is_after else Control.move_to(x, y).segment.text
        self._parts.append(go)
        # Of other signs than these a terminal may have its own idea how wide they are.
        is_sure = all(text.isascii() for text, _, _ in strip)
        self._y, self._x = (y, x + strip.cell_length) if is_sure else (-1, -1)

    def write(self, text: str, begin: str) -> None:
        """Write ``text`` in the style that begins so."""
        self._parts += [change(self._begin, begin), text]
        self._begin = begin


def _of_layout(update: LayoutUpdate) -> Iterator[Painted]:
    for y, line in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in line:
            yield Painted(x, y, strip)
            x += strip.cell_length


def _of_chops(update: ChopsUpdate) -> Iterator[Painted]:
    """As ``ChopsUpdate.render_segments``."""
    for y, begin, end in update.spans:
        for chop_end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
            if strip is not None and x < end and chop_end > begin:
                yield Painted(x, y, strip.crop(0, min(chop_end, end) - x))
