"""One even ramp from dark to light: the colours of everything that is shaded by a number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rich.style import Style
from textual.color import Color, Lab, lab_to_rgb
from textual.content import Content

from stplay.screens.shared.theme import INK, TEXT

MUTED, FAINT = "$foreground 60%", "$foreground 40%"
SHADES = 64
MIDDLE = SHADES // 2
# Lightness rises by the same amount from shade to shade, so that the ramp reads in grey as well.
_DARKEST = Lab(15.0, -3.0, -7.0)
_ACCENT = Lab(68.0, -23.0, -8.0)
_LIGHTEST = Lab(93.0, -13.0, -3.0)
_INK_FROM_LIGHTNESS = 50.0


def _mixed(first: Lab, second: Lab, share: float) -> Lab:
    return Lab(*(a + (b - a) * share for a, b in zip(first, second, strict=True)))


def _lab(position: float) -> Lab:
    bend = (_ACCENT.L - _DARKEST.L) / (_LIGHTEST.L - _DARKEST.L)
    if position < bend:
        return _mixed(_DARKEST, _ACCENT, position / bend)
    return _mixed(_ACCENT, _LIGHTEST, (position - bend) / (1 - bend))


_LABS = [_lab(shade / (SHADES - 1)) for shade in range(SHADES)]
COLORS: list[Color] = [lab_to_rgb(lab).clamped for lab in _LABS]
HEXES: list[str] = [color.hex for color in COLORS]
INKS: list[str] = [INK if lab.L >= _INK_FROM_LIGHTNESS else TEXT for lab in _LABS]
STYLES: list[Style] = [
    Style(color=ink, bgcolor=shade) for ink, shade in zip(INKS, HEXES, strict=True)
]


def shades(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.intp]:
    """The shade of each value: 0 at ``low`` and below, the last one at ``high`` and above.

    What is not a number has shade 0.
    """
    spread = high - low
    if not spread > 0:
        return np.full(values.shape, MIDDLE, np.intp)
    positions = (np.asarray(values, np.float64) - low) / spread
    positions = np.clip(np.nan_to_num(positions, nan=0.0), 0.0, 1.0) * SHADES
    return np.minimum(positions.astype(np.intp), SHADES - 1)


def legend(low: str, high: str, width: int = 12) -> Content:
    """The ramp between the numbers at its ends."""
    steps = [HEXES[place * (SHADES - 1) // (width - 1)] for place in range(width)]
    return Content.assemble(f"{low} ", *((" ", f"on {step}") for step in steps), f" {high}")
