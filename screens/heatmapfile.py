"""The heat map as a picture: SVG with numbers and names, PNG with the shades alone."""

from __future__ import annotations

import struct
import zlib
from html import escape

import numpy as np

from stplay.screens import ramp
from stplay.screens.matrix import Grid, decimal_places, written

CELL_WIDTH, CELL_HEIGHT, LABEL_WIDTH, LINE = 64, 32, 360, 24
MOST_NUMBERS = 40
PNG_PIXELS = 1200
LABEL_CHARACTERS = 44


def svg(grid: Grid, title: str) -> str:
    """``grid`` as an SVG document in the order in which it stands."""
    shades = ramp.shades(np.abs(grid.values) if grid.signed else grid.values, grid.low, grid.high)
    places = decimal_places(grid.values)
    numbered = len(grid.order) <= MOST_NUMBERS
    width = CELL_WIDTH if numbered else CELL_HEIGHT // 2
    height = CELL_HEIGHT if numbered else CELL_HEIGHT // 2
    top = 2 * LINE
    whole = (LABEL_WIDTH + len(grid.order) * width + 8, top + len(grid.order) * height + 8)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole[0]}" height="{whole[1]}" '
        f'font-family="Fira Code, Menlo, Consolas, monospace" font-size="{min(13, height - 4)}">',
        '<rect width="100%" height="100%" fill="#12161a"/>',
        f'<text x="8" y="16" fill="#d8dee4">{_text(title)}</text>',
    ]
    for y, row in enumerate(grid.order):
        base = top + y * height + height * 0.65
        label = f"{grid.numbers[row]} {grid.labels[row][:LABEL_CHARACTERS]}"
        parts.append(
            f'<text x="{LABEL_WIDTH - 8}" y="{base:.1f}" fill="#9aa4ad" text-anchor="end">'
            f"{_text(label)}</text>"
        )
        if numbered:
            x = LABEL_WIDTH + (y + 0.5) * width
            parts.append(
                f'<text x="{x:.1f}" y="{top - 8}" fill="#9aa4ad" text-anchor="middle">'
                f"{grid.numbers[row]}</text>"
            )
        for place, column in enumerate(grid.order):
            shade = shades[row, column]
            x = LABEL_WIDTH + place * width
            parts.append(
                f'<rect x="{x}" y="{top + y * height}" width="{width}" height="{height}" '
                f'fill="{ramp.HEXES[shade]}"/>'
            )
            if numbered:
                number = written(float(grid.values[row, column]), places, signed=grid.signed)
                parts.append(
                    f'<text x="{x + width / 2}" y="{base:.1f}" fill="{ramp.INKS[shade]}" '
                    f'text-anchor="middle">{number}</text>'
                )
    return "\n".join([*parts, "</svg>", ""])


def png(grid: Grid) -> bytes:
    """The shades of ``grid`` as a PNG picture, a square a pair."""
    values = grid.values[np.ix_(grid.order, grid.order)]
    shades = ramp.shades(np.abs(values) if grid.signed else values, grid.low, grid.high)
    palette = np.array([color.rgb for color in ramp.COLORS], np.uint8)
    side = max(1, min(48, PNG_PIXELS // len(grid.order)))
    pixels = palette[shades].repeat(side, axis=0).repeat(side, axis=1)
    rows = pixels.reshape(len(pixels), -1)
    unfiltered = np.pad(rows, ((0, 0), (1, 0))).tobytes()  # every row begins with its filter: none
    header = struct.pack("!IIBBBBB", len(pixels), len(pixels), 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(unfiltered)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def _text(text: str) -> str:
    """``text`` as XML takes it."""
    return escape(text.replace("\N{REPLACEMENT CHARACTER}", "?"))
