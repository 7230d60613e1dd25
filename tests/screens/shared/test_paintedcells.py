"""What is sent to the terminal: the same picture, by no more than what differs."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pyte
import pytest
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.strip import Strip

from stplay.screens.shared.paintedcells import PaintedCells
from stplay.screens.shared.stylechange import change

WIDTH, HEIGHT = 30, 6
CONSOLE = Console(color_system="truecolor", force_terminal=True, width=WIDTH)
STYLES = [
    Style(color="red"),
    Style(color="blue", bold=True),
    Style(bgcolor="green"),
    Style(color="#d8dee4", bgcolor="#12161a", underline=True),
    Style(color="#5fb3b3", bgcolor="#12161a"),
    Style(color="bright_red", bgcolor="bright_blue", reverse=True, bold=True),
    None,
]
CHARS = "ab 0⠁⣿│猫é"  # of one cell, but for the cat


class Terminal:
    """A terminal, and how much was sent to it."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self.stream = pyte.Stream(self.screen)
        self.sent = 0

    def show(self, update: object) -> None:
        text = update.render_segments(CONSOLE)  # pyright: ignore[reportAttributeAccessIssue]
        self.sent += len(text)
        self.stream.feed(text)

    @property
    def picture(self) -> list[object]:
        rows = self.screen.buffer
        return [rows[row][column] for row in range(HEIGHT) for column in range(WIDTH)]


def line(drawn: random.Random, width: int = WIDTH) -> Strip:
    """A line of random text in random styles."""
    segments, left = [], width
    while left:
        char = drawn.choice(CHARS)
        cells = 2 if char == "猫" else 1
        if cells > left:
            continue
        segments.append(Segment(char, drawn.choice(STYLES)))
        left -= cells
    return Strip(segments, width)


def changed(drawn: random.Random, strips: list[Strip]) -> list[Strip]:
    """The same lines but for some of them, or some of their cells."""
    found = []
    for strip in strips:
        at = drawn.randrange(WIDTH - 4)
        match drawn.randrange(4):
            case 0:
                found.append(line(drawn))
            case 1:
                parts = strip.crop(0, at), line(drawn, 4), strip.crop(at + 4)
                found.append(Strip.join(parts))
            case _:
                found.append(strip)
    return found


def layout(strips: list[Strip]) -> LayoutUpdate:
    return LayoutUpdate([[strip] for strip in strips], Region(0, 0, WIDTH, HEIGHT))


def chops(drawn: random.Random, strips: list[Strip]) -> ChopsUpdate:
    """An update of a part of each line, as the compositor makes them."""
    cut = drawn.randrange(4, WIDTH - 4)
    parts = [{0: strip.crop(0, cut), cut: strip.crop(cut)} for strip in strips]
    spans = [(row, 0, WIDTH) for row in range(HEIGHT)]
    return ChopsUpdate(parts, spans, [[cut, WIDTH]] * HEIGHT)


@pytest.mark.parametrize("seed", range(30))
def test_the_picture_is_the_same(seed: int) -> None:
    drawn, painted = random.Random(seed), PaintedCells()
    whole, spared = Terminal(), Terminal()
    strips = [line(drawn) for _ in range(HEIGHT)]
    for _ in range(12):
        update = layout(strips) if drawn.random() < 0.3 else chops(drawn, strips)
        whole.show(update)
        spared.show(painted.spared(update))
        assert spared.picture == whole.picture
        strips = changed(drawn, strips)
    assert spared.sent < whole.sent


def test_what_is_on_the_terminal_is_not_sent_again() -> None:
    drawn, painted, terminal = random.Random(0), PaintedCells(), Terminal()
    strips = [line(drawn) for _ in range(HEIGHT)]
    terminal.show(painted.spared(layout(strips)))
    before = terminal.sent
    terminal.show(painted.spared(layout(strips)))
    assert terminal.sent == before
    painted.forget()
    terminal.show(painted.spared(layout(strips)))
    assert terminal.sent == 2 * before


def test_a_terminal_of_another_size_is_painted_anew() -> None:
    drawn, painted, terminal = random.Random(0), PaintedCells(), Terminal()
    strips = [line(drawn) for _ in range(HEIGHT)]
    terminal.screen.resize(HEIGHT, WIDTH // 2)
    painted.forget()  # it was told of that by now, and what was laid out before comes after it
    terminal.show(painted.spared(layout(strips)))
    half: list[Iterable[Strip]] = [[strip.crop(0, WIDTH // 2)] for strip in strips]
    terminal.sent = 0
    terminal.show(painted.spared(LayoutUpdate(half, Region(0, 0, WIDTH // 2, HEIGHT))))
    assert terminal.sent > HEIGHT * WIDTH // 2


def test_characters_that_are_drawn_together_are_sent_whole() -> None:
    painted, terminal, expected = PaintedCells(), Terminal(), Terminal()
    for text in ("👩‍🚀 flies", "👩‍🚀 walks", "e\u0301a stays", "e\u0301o stays"):
        update = layout([Strip([Segment(text)]).adjust_cell_length(WIDTH)] * HEIGHT)
        terminal.show(painted.spared(update))
        expected.show(update)
        assert terminal.picture == expected.picture


def test_a_style_is_sent_once_for_what_is_written_in_it() -> None:
    painted, terminal = PaintedCells(), Terminal()
    style = Style(color="#5fb3b3", bgcolor="#12161a")

    def rows(text: str) -> LayoutUpdate:
        return layout([Strip([Segment(text, style)]).adjust_cell_length(WIDTH, style)] * HEIGHT)

    terminal.show(painted.spared(rows("1      2      3")))
    before = terminal.sent
    terminal.show(painted.spared(rows("4      5      6")))
    shortest = len("\x1b[1;1H4\x1b[6C5\x1b[6C6") * HEIGHT
    assert terminal.sent - before <= shortest + len("\x1b[38;2;95;179;179;48;2;18;22;26m\x1b[0m")
    assert "".join(terminal.screen.display[0]).rstrip() == "4      5      6"


def test_a_style_leads_to_the_next_by_what_differs() -> None:
    begin = "\x1b[1;38;5;188;48;5;16m"
    assert change(begin, "\x1b[1;38;5;247;48;5;16m") == "\x1b[38;5;247m"
    assert change(begin, "\x1b[38;5;188;48;5;16m") == "\x1b[0;38;5;188;48;5;16m"
    assert change("", begin) == begin
    assert change(begin, "") == "\x1b[0m"
    link = "\x1b]8;id=1;http://x\x1b\\\x1b[31m"
    assert change(begin, link) == f"\x1b[0m{link}"
    assert change(link, "") == "\x1b[0m\x1b]8;;\x1b\\"
