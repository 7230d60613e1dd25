"""The heat map as a picture, SVG or PNG: shades with names, and with numbers where they fit."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from rich.cells import cell_len

from stplay.screens.shared import ramp
from stplay.screens.shared.grid import Grid, decimal_places, written
from stplay.screens.shared.matrix import fitted
from stplay.screens.shared.theme import BACKGROUND, QUIET, TEXT

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

CELL_WIDTH, CELL_HEIGHT, LABEL_WIDTH, LINE, EDGE = 64, 32, 360, 24, 8
MOST_NUMBERS = 40
LABEL_CELLS = 44
SHARPNESS = 2  # pixels of a PNG for one of an SVG,
MOST_PIXELS = 8000  # unless a side became longer than this
# Looked for on this machine first: the one that Pillow brings has little more than ASCII.
FONTS = ("DejaVuSansMono.ttf", "DejaVuSans.ttf", "Arial Unicode.ttf", "Menlo.ttc", "arial.ttf")

Anchor = Literal["start", "middle", "end"]


class _PlacedText(NamedTuple):
    """A text, and where its base line starts, has its middle or ends."""

    x: float
    y: float
    text: str
    color: str
    anchor: Anchor


class _Picture(NamedTuple):
    """The sizes of a picture of ``grid``, in pixels of an SVG."""

    grid: Grid
    title: str

    @property
    def numbered(self) -> bool:
        """Whether there is room for numbers in the cells."""
        return len(self.grid.order) <= MOST_NUMBERS

    @property
    def cell(self) -> tuple[int, int]:
        """The size of a cell."""
        return (CELL_WIDTH, CELL_HEIGHT) if self.numbered else (CELL_HEIGHT // 2, CELL_HEIGHT // 2)

    @property
    def top(self) -> int:
        """Where the cells begin."""
        return 2 * LINE

    @property
    def size(self) -> tuple[int, int]:
        """The size of the whole."""
        many, (width, height) = len(self.grid.order), self.cell
        return LABEL_WIDTH + many * width + EDGE, self.top + many * height + EDGE

    @property
    def font_size(self) -> int:
        """The size of all texts."""
        return min(13, self.cell[1] - 4)

    @property
    def shades(self) -> np.ndarray:
        """The shade of every cell."""
        grid = self.grid
        values = grid.values[np.ix_(grid.order, grid.order)]
        return ramp.shades(np.abs(values) if grid.signed else values, grid.low, grid.high)

    def texts(self) -> Iterator[_PlacedText]:
        """The title, the names, and the numbers."""
        grid, (width, height), shades = self.grid, self.cell, self.shades
        places = decimal_places(grid.values)
        yield _PlacedText(EDGE, 16, self.title, TEXT, "start")
        for y, row in enumerate(grid.order):
            base = self.top + (y + 0.65) * height
            label = f"{grid.number(row)} {grid.labels[row]}"
            label = fitted(label, min(cell_len(label), LABEL_CELLS)).rstrip()
            yield _PlacedText(LABEL_WIDTH - EDGE, base, label, QUIET, "end")
            if not self.numbered:
                continue
            middle = LABEL_WIDTH + (y + 0.5) * width
            yield _PlacedText(middle, self.top - EDGE, str(grid.numbers[row]), QUIET, "middle")
            for x, column in enumerate(grid.order):
                number = written(float(grid.values[row, column]), places, signed=grid.signed)
                middle = LABEL_WIDTH + (x + 0.5) * width
                yield _PlacedText(middle, base, number, ramp.INKS[shades[y, x]], "middle")


def svg(grid: Grid, title: str) -> str:
    """``grid`` as an SVG document in the order in which it stands."""
    picture = _Picture(grid, title)
    width, height = picture.cell
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="{}" height="{}" '.format(*picture.size)
        + 'font-family="Fira Code, Menlo, Consolas, monospace" '
        + f'font-size="{picture.font_size}">',
        f'<rect width="100%" height="100%" fill="{BACKGROUND}"/>',
    ]
    for (y, x), shade in np.ndenumerate(picture.shades):
        parts.append(
            f'<rect x="{LABEL_WIDTH + x * width}" y="{picture.top + y * height}" '
            f'width="{width}" height="{height}" fill="{ramp.HEXES[shade]}"/>'
        )
    for text in picture.texts():
        shown = escape(text.text.replace("\N{REPLACEMENT CHARACTER}", "?"))
        parts.append(
            f'<text x="{text.x:.1f}" y="{text.y:.1f}" fill="{text.color}" '
            f'text-anchor="{text.anchor}">{shown}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def png(grid: Grid, title: str) -> bytes:
    """``grid`` as a PNG picture in the order in which it stands."""
    from PIL import Image, ImageDraw  # takes a moment to load

    picture = _Picture(grid, title)
    scale = min(SHARPNESS, MOST_PIXELS / max(picture.size))

    def pixels(x: float, y: float) -> tuple[int, int]:
        return round(scale * x), round(scale * y)

    image = Image.new("RGB", pixels(*picture.size), BACKGROUND)
    palette = np.array([color.rgb for color in ramp.COLORS], np.uint8)
    cells = Image.fromarray(palette[picture.shades])
    width, height = (len(grid.order) * length for length in picture.cell)
    cells = cells.resize(pixels(width, height), Image.Resampling.NEAREST)
    image.paste(cells, pixels(LABEL_WIDTH, picture.top))
    draw = ImageDraw.Draw(image)
    anchors = {"start": "ls", "middle": "ms", "end": "rs"}
    size = max(1, round(scale * picture.font_size))
    for text in picture.texts():
        font, shown = _font_for(text.text, size)
        while font.getlength(shown) > scale * (LABEL_WIDTH - 2 * EDGE) and text.anchor == "end":
            shown = shown[:-2] + "…"
        draw.text(
            pixels(text.x, text.y), shown, fill=text.color, font=font, anchor=anchors[text.anchor]
        )
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()


def _font_for(text: str, size: int) -> tuple[FreeTypeFont, str]:
    """A font that has all signs of ``text``; or the first one, and ``text`` with ? for the rest."""
    fonts = _fonts(size)
    missing = [{sign for sign in set(text) if not _has(font, sign)} for font in fonts]
    best = min(range(len(fonts)), key=lambda place: len(missing[place]))
    return fonts[best], "".join("?" if sign in missing[best] else sign for sign in text)


@cache
def _fonts(size: int) -> list[FreeTypeFont]:
    """The fonts that are here, the preferred one first."""
    from PIL import ImageFont

    found = []
    for name in FONTS:
        try:
            found.append(ImageFont.truetype(name, size))
        except OSError:
            continue
    own = ImageFont.load_default(size)
    assert isinstance(own, ImageFont.FreeTypeFont), "Pillow is built without FreeType"
    return [*found, own]


@cache
def _has(font: FreeTypeFont, sign: str) -> bool:
    """Whether ``font`` draws ``sign`` other than one that no font has."""
    return sign.isspace() or _drawn(font, sign) != _drawn(font, "\U0010fffe")


def _drawn(font: FreeTypeFont, sign: str) -> bytes:
    from PIL import Image, ImageDraw

    image = Image.new("L", (2 * round(font.size), 2 * round(font.size)))
    ImageDraw.Draw(image).text((0, 0), sign, fill=255, font=font)
    return image.tobytes()
