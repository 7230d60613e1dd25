"""Series as curves to be drawn: what is not finite left out, no more points than can be seen."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stplay.runs.series import Series

Across = Literal["step", "epoch", "time"]
OF_A_COLUMN = 4  # points: the first, the least, the greatest and the last


class Curve(NamedTuple):
    """Points that are joined by a line: ``x`` and ``y``, of the same shape (points,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]


def curves(series: Series, across: Across, columns: int, smoothing: float = 0.0) -> list[Curve]:
    """The curves of ``series`` over its steps, epochs or seconds, to be drawn in ``columns``.

    Where a value is not finite one curve ends, and where a segment begins another does: nothing is
    joined across. ``smoothing`` is the weight of what came before, from 0 to below 1.
    """
    values = np.array(series.values)
    track = series.track
    places = {"step": track.steps, "epoch": track.epochs, "time": track.times}[across]
    x = np.array(places, np.float64)
    if across == "time" and len(x):
        x = x - x[0]
    found: list[Curve] = []
    for _, segment in track.segments():
        measured = np.arange(segment.start, segment.stop)
        measured = measured[~np.isnan(values[measured])]
        finite = np.isfinite(values[measured]) & np.isfinite(x[measured])
        for part in _runs(finite):
            at = measured[part]
            found.append(Curve(x[at], smoothed(values[at], smoothing)))
    return _thinned(found, columns)


def _runs(finite: NDArray[np.bool_]) -> list[slice]:
    """Where ``finite`` holds, without a break."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], finite, [False])).astype(np.int8)))
    return [slice(begin, end) for begin, end in edges.reshape(-1, 2).tolist()]


def smoothed(values: NDArray[np.float64], weight: float) -> NDArray[np.float64]:
    """The exponential mean of ``values``, of shape (points,), each counting ``weight`` of the last.

    It is corrected for its start, as that of Adam is (Kingma and Ba, 2014,
    https://arxiv.org/abs/1412.6980): the first value is itself.
    """
    if not weight:
        return values
    from scipy.signal import lfilter

    mean = lfilter([1 - weight], [1, -weight], values)
    return mean / (1 - weight ** np.arange(1, len(values) + 1))


def _thinned(found: list[Curve], columns: int) -> list[Curve]:
    """The same to the eye in ``columns``."""
    if sum(len(curve.x) for curve in found) <= OF_A_COLUMN * columns:
        return found
    low = min(curve.x[0] for curve in found)
    high = max(curve.x[-1] for curve in found)
    scale = columns / (high - low) if high > low else 0.0
    return [_thin(curve, ((curve.x - low) * scale).astype(np.int64)) for curve in found]


def _thin(curve: Curve, column: NDArray[np.int64]) -> Curve:
    begins = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    ends = np.append(begins[1:], len(column)) - 1
    least, most = np.minimum.reduceat(curve.y, begins), np.maximum.reduceat(curve.y, begins)
    x = np.column_stack((curve.x[begins], curve.x[begins], curve.x[begins], curve.x[ends]))
    y = np.column_stack((curve.y[begins], least, most, curve.y[ends]))
    return Curve(x.ravel(), y.ravel())
