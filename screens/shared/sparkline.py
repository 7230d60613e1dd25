"""A line of small bars: how a figure went, in one line of text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from textual.content import Content

BARS = "▁▂▃▄▅▆▇█"


def sparkline(
    values: NDArray[np.floating], width: int, low: float, high: float, marked: int | None = None
) -> Content:
    """``values`` from ``low`` to ``high`` in at most ``width`` bars, the one at ``marked`` bold.

    A bar is the mean of its values where they are more than the bars, and a gap where none of them
    is finite.
    """
    parts = np.array_split(np.arange(len(values)), max(1, min(width, len(values))))
    bars: list[Content] = []
    for places in parts:
        finite = values[places][np.isfinite(values[places])]
        bar = BARS[_height(float(finite.mean()), low, high)] if len(finite) else " "
        is_marked = marked is not None and marked in places
        bars.append(Content.styled(bar, "bold $foreground" if is_marked else "$primary"))
    return Content("").join(bars)


def _height(value: float, low: float, high: float) -> int:
    if not high > low:
        return len(BARS) // 2
    return round((value - low) / (high - low) * (len(BARS) - 1))
