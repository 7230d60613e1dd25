"""The canvas of the charts: its lines are the library's, and no more is repainted than changed."""

from __future__ import annotations

import random

import pytest
from textual.geometry import Region, Size
from textual_hires_canvas import Canvas

from stplay.screens.shared.linecanvas import BLANK, LineCanvas

WIDTH, HEIGHT = 40, 12


class Told(LineCanvas):
    """Tells what it would have repainted."""

    def __init__(self) -> None:
        super().__init__(WIDTH, HEIGHT)
        self.regions: list[Region] = []

    def refresh(self, *regions: Region, **how: bool) -> Told:
        if not self._refreshes_pending:
            self.regions += regions or [Region(0, 0, WIDTH, HEIGHT)]
        return self


def dots(canvas: Canvas) -> set[tuple[int, int]]:
    """The places of all dots."""
    found = set()
    bits = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]
    for row in range(HEIGHT):
        for column in range(WIDTH):
            char = ord(canvas.get_pixel(column, row)[0])
            if char > BLANK:
                cell = (
                    (column * 2 + x, row * 4 + y)
                    for bit, (x, y) in enumerate(bits)
                    if (char - BLANK) >> bit & 1
                )
                found |= set(cell)
    return found


@pytest.mark.parametrize("seed", range(20))
def test_a_line_is_the_librarys_to_a_dot(seed: int) -> None:
    drawn = random.Random(seed)
    x0, y0, x1, y1 = (drawn.uniform(1, limit - 1) for limit in (WIDTH, HEIGHT, WIDTH, HEIGHT))
    ours, theirs = LineCanvas(WIDTH, HEIGHT), Canvas(WIDTH, HEIGHT)
    for canvas in (ours, theirs):
        canvas.draw_hires_lines([(x0, y0, x1, y1)])
    found, expected = dots(ours), dots(theirs)
    assert len(found) == len(expected)
    for x, y in found:
        assert any((x + dx, y + dy) in expected for dx in (-1, 0, 1) for dy in (-1, 0, 1))


def test_what_is_outside_is_left_out() -> None:
    canvas = Told()
    canvas.draw_hires_lines([(-1e12, 3.1, 1e12, 3.1), (-9, -9, -1, -1), (50, 0, 60, 9)])
    assert dots(canvas) == {(x, 12) for x in range(WIDTH * 2)}
    canvas.draw_hires_lines([(0, 0, WIDTH, HEIGHT)])
    assert (WIDTH * 2 - 1, HEIGHT * 4 - 1) in dots(canvas)
    canvas.draw_hires_lines([])


def test_two_lines_in_one_cell_are_both_seen() -> None:
    canvas = Told()
    canvas.draw_hires_lines([(5.0, 5.0, 5.4, 5.0)], style="red")
    canvas.draw_hires_lines([(5.0, 5.8, 5.4, 5.8)], style="blue")
    assert dots(canvas) == {(10, 20), (10, 23)}
    assert canvas.get_pixel(5, 5)[1] == "blue"


def test_only_what_changed_is_repainted() -> None:
    canvas = Told()
    canvas.draw_hires_lines([(2, 3, 30, 3)])
    canvas.regions.clear()
    with canvas.redrawn():
        canvas.reset()
        canvas.draw_hires_lines([(2, 3, 30, 3)])
    assert canvas.regions == []
    with canvas.redrawn():
        canvas.reset()
        canvas.draw_hires_lines([(2, 3, 33, 3)])
    assert canvas.regions == [Region(30, 3, 4, 1)]
    with canvas.redrawn():
        canvas.reset(Size(20, 5))
    assert canvas.regions[1:] == [Region(0, 0, WIDTH, HEIGHT)]
