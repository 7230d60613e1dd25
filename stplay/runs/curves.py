"""Series as curves to be drawn: what is not finite left out, no more points than can be seen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stplay.runs.axis import Axis
from stplay.runs.series import Series
from stplay.runs.smoothing import Smoothing

Scale = Callable[[NDArray[np.float64]], NDArray[np.float64]]
OF_A_COLUMN = 4  # points: the first, the least, the greatest and the last
BLOCK = 64  # values that are looked at together where they are too many


class Curve(NamedTuple):
    """Points that are joined by a line: ``x`` and ``y``, of the same shape (points,)."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]


class View(NamedTuple):
    """The part of an axis that is drawn, from ``low`` to ``high``, in so many ``columns``."""

    low: float
    high: float
    columns: int


class Curves:
    """A series as curves along an axis.

    Where a value is not finite one curve ends, and where a segment begins another does: nothing is
    joined across. ``smoothing`` is the weight of what came before, from 0 to below 1. Of a
    ``logarithmic`` one the powers of ten are drawn, and what is not above 0 is not finite there.

    Of a long series what was looked at once is not looked at again, so that it is drawn as soon as
    a short one.
    """

    def __init__(
        self, series: Series, axis: Axis, smoothing: float = 0.0, *, logarithmic: bool = False
    ) -> None:
        self.series, self.axis = series, axis
        self.smoothing, self.logarithmic = smoothing, logarithmic
        self._blocks: dict[int, _Blocks] = {}
        self._drops = series.track.drops

    def within(self, view: View) -> list[Curve]:
        """What is seen of it."""
        track, found = self.series.track, list[Curve]()
        if self._drops != track.drops:  # what was looked at is no more
            self._blocks.clear()
            self._drops = track.drops
        for _, segment in track.segments():
            most = BLOCK * OF_A_COLUMN * view.columns
            seen = segment if len(segment) <= most else self._seen(segment, view)
            points = self._values(seen, segment) if len(seen) <= most else self._far(seen, segment)
            found += _joined(*points)
        return _thinned(found, view)

    def _seen(self, segment: range, view: View) -> range:
        """The places of ``segment`` in view, and the one before and the one after them."""
        told, ends = self.axis.told(self.series.track), (segment.start, segment.stop)
        low, high = self.axis.told_at(view.low, view.high)
        begin, end = bisect_left(told, low, *ends), bisect_right(told, high, *ends)
        return range(max(segment.start, begin - 1), min(segment.stop, end + 1))

    def _across(self, places: slice) -> NDArray[np.float64]:
        return self.axis.places(self.axis.told(self.series.track)[places])

    def _values(self, seen: range, segment: range) -> Curve:
        """All values there; smoothed as if all before them were too."""
        smoothing = Smoothing(self.smoothing)
        begin = max(segment.start, seen.start - smoothing.memory)
        means = smoothing.of(np.array(self.series.values[begin : seen.stop]))
        y = self._scaled(means[seen.start - begin :])
        return Curve(self._across(slice(seen.start, seen.stop)), y)

    def _far(self, seen: range, segment: range) -> Curve:
        """The first, least, greatest and last of each block there, and what is in none yet."""
        start = segment.start
        blocks = self._blocks.setdefault(start, _Blocks(Smoothing(self.smoothing)))
        for begin in range(start + BLOCK * len(blocks), segment.stop - BLOCK + 1, 1 << 16):
            end = min(begin + (1 << 16), segment.stop)
            blocks.add(
                np.array(self.series.values[begin : end - (end - begin) % BLOCK]), self._scaled
            )
        first, last = (seen.start - start) // BLOCK, (seen.stop - start) // BLOCK
        ends = slice(start + first * BLOCK, start + last * BLOCK, BLOCK)
        begins = self._across(ends)
        x = np.repeat(begins, OF_A_COLUMN)
        y = blocks.values[first:last].ravel()
        rest = self._values(range(start + last * BLOCK, seen.stop), segment)
        return Curve(np.concatenate((x, rest.x)), np.concatenate((y, rest.y)))

    def _scaled(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.logarithmic:
            return values
        powers = np.full(len(values), np.inf)
        np.log10(values, out=powers, where=values > 0)
        return np.where(np.isnan(values), np.nan, powers)


class _Blocks:
    """Of each block of values the first, the least, the greatest and the last that is finite.

    Where none is, they are infinite, and not a number where nothing was measured.
    """

    def __init__(self, smoothing: Smoothing) -> None:
        self.values = np.empty((0, OF_A_COLUMN))
        self._smoothing = smoothing

    def __len__(self) -> int:
        return len(self.values)

    def add(self, values: NDArray[np.float64], scaled: Scale) -> None:
        """Look at ``values``, of shape (blocks * BLOCK,), which come after those before."""
        rows = scaled(self._smoothing.of(values)).reshape(-1, BLOCK)
        every = np.arange(len(rows))
        finite = np.isfinite(rows)
        found = np.empty((len(rows), OF_A_COLUMN))
        found[:, 0] = rows[every, finite.argmax(axis=1)]
        found[:, 1] = np.where(finite, rows, np.inf).min(axis=1)
        found[:, 2] = np.where(finite, rows, -np.inf).max(axis=1)
        found[:, 3] = rows[every, BLOCK - 1 - finite[:, ::-1].argmax(axis=1)]
        nothing = np.where(np.isinf(rows).any(axis=1, keepdims=True), np.inf, np.nan)
        found = np.where(finite.any(axis=1, keepdims=True), found, nothing)
        self.values = np.concatenate((self.values, found))


def _joined(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[Curve]:
    """The curves between gaps; what was not measured is none."""
    measured = ~np.isnan(y)
    x, y = x[measured], y[measured]
    finite = np.isfinite(y) & np.isfinite(x)
    edges = np.flatnonzero(np.diff(finite, prepend=False, append=False))
    return [Curve(x[begin:end], y[begin:end]) for begin, end in edges.reshape(-1, 2).tolist()]


def _thinned(found: list[Curve], view: View) -> list[Curve]:
    """The same to the eye in the columns of ``view``."""
    if sum(len(curve.x) for curve in found) <= OF_A_COLUMN * view.columns:
        return found
    scale = view.columns / (view.high - view.low)
    return [_thin(curve, np.floor((curve.x - view.low) * scale)) for curve in found]


def _thin(curve: Curve, column: NDArray[np.float64]) -> Curve:
    begins = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    ends = np.append(begins[1:], len(column)) - 1
    least, most = np.minimum.reduceat(curve.y, begins), np.maximum.reduceat(curve.y, begins)
    x = np.column_stack((curve.x[begins], curve.x[begins], curve.x[begins], curve.x[ends]))
    y = np.column_stack((curve.y[begins], least, most, curve.y[ends]))
    return Curve(x.ravel(), y.ravel())
