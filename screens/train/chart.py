"""One chart of a run: some of its series over its steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static
from textual_hires_canvas import HiResMode

from stplay.runs.curves import Curve, curves
from stplay.runs.referencelog import Reference
from stplay.runs.series import SeriesLog
from stplay.screens.shared.theme import CURVES, FAINT, QUIET
from stplay.screens.train.plot import Plot, Told
from stplay.text import printable

SIGN = "━"
ROOM = 1.02  # of the steps so far: the newest one stands before the frame


class Line(NamedTuple):
    """A series of a chart, and what it is called there."""

    series: str
    label: str = ""


class Behind(NamedTuple):
    """What lies behind a run of so many ``steps``."""

    reference: Reference
    steps: int


class Chart(Vertical):
    """A title, which is the legend too, and the curves of ``lines`` below it."""

    DEFAULT_CSS = """
    Chart {
        & > .legend { height: 1; padding-left: 1; text-wrap: nowrap; text-overflow: ellipsis; }
        & > Plot { height: 1fr; }
    }
    """

    legend = getters.query_one(".legend", Static)
    plot = getters.query_one(Plot)

    def __init__(self, title: str, lines: Sequence[Line], words: Told) -> None:
        """``words`` tells a value as people read it."""
        super().__init__()
        self.title, self.lines, self.words = title, lines, words

    def compose(self) -> ComposeResult:
        """The two of them."""
        yield Static(classes="legend")
        yield Plot(self.words)

    def measured(self, log: SeriesLog) -> bool:
        """Whether there is something to draw in ``log``."""
        return any(line.series in log for line in self.lines)

    def show(
        self, log: SeriesLog, smoothing: float, cells: int, behind: Behind | None = None
    ) -> None:
        """Draw what ``log`` has of the lines, so many ``cells`` wide.

        Where they are smoothed, what they are made of is behind them, and behind that what lies
        ``behind`` the run.
        """
        plot = self.plot
        legend = [Content.styled(printable(self.title), "bold")]
        plot.clear()
        self._ends: list[float] = []  # of what is drawn, the lowest and the highest values
        plot.span(0, ROOM * max(log.step, 1))
        if behind is not None and not self._lay_behind(behind, cells):
            behind = None
        lines = [
            (line, colour)
            for line, colour in zip(self.lines, CURVES, strict=False)
            if line.series in log
        ]
        for weight in (0.0, smoothing) if smoothing else (0.0,):
            for line, colour in reversed(lines):  # the first is seen where they meet
                colour = colour if weight == smoothing else QUIET
                self._draw(curves(log[line.series], "step", cells, weight), colour)
        plot.rise(self._ends)
        for line, colour in lines:
            last = log[line.series].last
            words = "not finite" if last is None else self.words(last)
            label = f"{printable(line.label)} {words}".strip()
            legend.append(Content.assemble((f"{SIGN} ", colour), label))
        if smoothing:
            legend.append(Content.styled(f"smoothed {smoothing:g}", QUIET))
        if behind is not None:
            legend.append(Content.styled(f"{SIGN} {printable(behind.reference.name)}", FAINT))
        self.legend.update(Content("   ").join(legend), layout=False)

    def _draw(self, found: list[Curve], colour: str) -> None:
        for x, y in found:
            self._ends += [float(y.min()), float(y.max())]
            if len(x) == 1:  # which no line is drawn of
                self.plot.scatter(x, y, "", colour, HiResMode.BRAILLE)
            else:
                self.plot.plot(x, y, colour, HiResMode.BRAILLE)

    def _lay_behind(self, behind: Behind, cells: int) -> bool:
        """Draw the same figures of another run, at the same shares of it; false without any."""
        reference, steps = behind
        names = [line.series for line in self.lines if line.series in reference.series]
        scale = steps / reference.steps
        for name in names:
            found = curves(reference.series[name], "step", cells)
            self._draw([curve._replace(x=curve.x * scale) for curve in found], FAINT)
        return bool(names)
