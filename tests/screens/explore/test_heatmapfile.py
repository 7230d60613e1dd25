"""The heat map as a picture: what can be read in it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from stplay.screens.explore import heatmapfile
from stplay.screens.explore.grids import grids_of
from stplay.screens.explore.perspective import Perspective
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.shared import ramp
from stplay.screens.shared.grid import Grid


def grid_of(*texts: str) -> Grid:
    rows = np.random.default_rng(0).normal(size=(len(texts), 16)).astype(np.float32)
    sentences = [Sentence(number, text) for number, text in enumerate(texts, 1)]
    return grids_of(sentences, [rows], Perspective())[0]


def pixels(grid: Grid) -> np.ndarray:
    """The picture, of shape (height, width, 3)."""
    return np.asarray(Image.open(io.BytesIO(heatmapfile.png(grid, "mine, cosine"))))


def inked(area: np.ndarray) -> int:
    """How many pixels of ``area`` are not of its first one's colour."""
    return int((area != area[0, 0]).any(axis=2).sum())


def test_a_png_has_the_shades_the_numbers_and_the_names() -> None:
    grid = grid_of("a cat", "a much longer sentence than that", "<b>&")
    picture = pixels(grid)
    top, left = 2 * 2 * heatmapfile.LINE, 2 * heatmapfile.LABEL_WIDTH
    height, width = 2 * heatmapfile.CELL_HEIGHT, 2 * heatmapfile.CELL_WIDTH
    assert picture.shape[:2] == (top + 3 * height + 16, left + 3 * width + 16)
    shades = ramp.shades(grid.values, grid.low, grid.high)
    for row in range(3):
        for column in range(3):
            y, x = top + row * height, left + column * width
            cell = picture[y : y + height, x : x + width]
            assert tuple(cell[0, 0]) == ramp.COLORS[shades[row, column]].rgb
            assert inked(cell) > 200, "there is no number"
    first, second, _ = (
        inked(picture[top + row * height : top + (row + 1) * height, :left]) for row in range(3)
    )
    assert second > 3 * first > 300, "the names are not there"
    assert inked(picture[: heatmapfile.LINE * 2, :left]) > 200, "there is no title"


def test_without_a_font_on_the_machine_foreign_signs_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(heatmapfile, "FONTS", ("there-is-none.ttf",))
    heatmapfile._fonts.cache_clear()
    assert heatmapfile._font_for("a 猫 1.000…", 26)[1] == "a ? 1.000…"
    assert inked(pixels(grid_of("猫", "\u202eW" * 50))[96:, :700]) > 300
    heatmapfile._fonts.cache_clear()


def test_a_large_png_stays_within_bounds() -> None:
    picture = pixels(grid_of(*(f"sentence {number}" for number in range(300))))
    assert max(picture.shape) == heatmapfile.MOST_PIXELS
