"""One series of several runs in one chart, told apart by colours and dashes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual_hires_canvas import HiResMode

from stplay.runs.axis import Across, Axis
from stplay.runs.curves import Curve, Curves
from stplay.runs.series import SeriesLog
from stplay.screens.train.linestyles import LineStyle
from stplay.screens.train.plot import Plot, Told
from stplay.text import printable

DOTS = 2  # of braille in a cell, side by side
ROOM = 1.02  # the newest point stands before the frame


class StyledRun(NamedTuple):
    """A run's name and series, and how its lines are drawn."""

    name: str
    series: SeriesLog
    style: LineStyle


class OverlaidChart(Vertical):
    """A title, and below it the same figure of several runs; the first lies on top."""

    DEFAULT_CSS = """
    OverlaidChart {
        & > .legend { height: 1; padding-left: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & > Plot { height: 1fr; }
    }
    """

    legend = getters.query_one(".legend", Static)
    plot = getters.query_one(Plot)

    def __init__(self, title: str, series: str, words: Told) -> None:
        """``words`` tells a value as people read it."""
        super().__init__()
        self.title, self.series, self.words = title, series, words
        self._runs: Sequence[StyledRun] = ()
        self._across: Across = "step"

    def compose(self) -> ComposeResult:
        """The two of them."""
        yield Static(classes="legend")
        yield Plot(self.words)

    def show(self, runs: Sequence[StyledRun], across: Across) -> None:
        """Draw the series of ``runs`` along their steps, epochs or seconds of training."""
        self._runs, self._across = runs, across
        self.draw()

    def on_plot_widget_scale_changed(self) -> None:
        """Draw what is in view now."""
        self.draw()

    def draw(self) -> None:
        """Draw it anew."""
        plot, runs = self.plot, self._runs
        measured = [run for run in runs if self.series in run.series]
        axes = [Axis(run.series, self._across) for run in measured]
        plot.clear()
        plot.across = self._across
        plot.span(0, ROOM * (max((axis.extent for axis in axes), default=0.0) or 1.0))
        view = plot.view(self.size.width)
        dots = view.columns * DOTS / (view.high - view.low)
        legend = [Content.styled(printable(self.title), "bold")]
        for run, axis in reversed([*zip(measured, axes, strict=True)]):  # the first is seen
            for curve in Curves(run.series[self.series], axis).within(view):
                self._draw(curve, run.style, dots)
        if missing := [run.name for run in runs if run not in measured]:
            legend.append(Content.styled(f"not of {', '.join(map(printable, missing))}", "dim"))
        self.legend.update(Content("  ").join(legend), layout=False)

    def _draw(self, curve: Curve, style: LineStyle, dots: float) -> None:
        """Draw ``curve``, of which one of its x takes so many ``dots``."""
        colour = style.colour(self.app.current_theme)
        for x, y in dashed(curve, style.dashes, dots):
            if len(x) == 1:  # which no line is drawn of
                self.plot.scatter(x, y, "", colour, HiResMode.BRAILLE)
            else:
                self.plot.plot(x, y, colour, HiResMode.BRAILLE)


def dashed(curve: Curve, dashes: Sequence[int], dots: float) -> Iterator[Curve]:
    """The parts of ``curve`` that are drawn, where one of its x takes so many ``dots``.

    ``dashes`` are the lengths of what is drawn and of what is not, in turn; they begin at 0, so
    that a curve that grows keeps its own.
    """
    if not dashes or len(curve.x) < 2:
        yield curve
        return
    edges = _edges(curve.x * dots, dashes) / dots
    x = np.union1d(curve.x, edges)
    y = np.interp(x, curve.x, curve.y)
    middles = (x[1:] + x[:-1]) / 2 * dots
    lengths = np.cumsum(dashes)
    drawn = np.searchsorted(lengths, middles % lengths[-1], side="right") % 2 == 0
    turns = np.flatnonzero(np.diff(np.concatenate(([False], drawn, [False])).astype(np.int8)))
    for begin, end in turns.reshape(-1, 2).tolist():
        yield Curve(x[begin : end + 1], y[begin : end + 1])


def _edges(x: NDArray[np.float64], dashes: Sequence[int]) -> NDArray[np.float64]:
    """Where a dash begins or ends between the first and the last of ``x``, in dots."""
    period = sum(dashes)
    starts = np.arange(x[0] // period, x[-1] // period + 1) * period
    edges = (starts[:, None] + np.cumsum([0, *dashes[:-1]])).ravel()
    return edges[(edges > x[0]) & (edges < x[-1])]
