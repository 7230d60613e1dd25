"""One chart of a run: some of its series along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.style import Style
from textual.widgets import Static
from textual_hires_canvas import HiResMode

from stplay.runs.axis import Across, Axis
from stplay.runs.curves import Curve, Curves
from stplay.runs.referencelog import Reference
from stplay.runs.series import SeriesLog
from stplay.screens.shared.theme import Drawn, drawn_on
from stplay.screens.train.plot import Plot, Told
from stplay.screens.train.ticks import ENDS, rounded_up
from stplay.text import count, printable

SIGN, HIDDEN = "━", "○"
APART = 3  # cells between the words of a legend
ROOM = 1.02  # of the steps so far: the newest one stands before the frame


class Line(NamedTuple):
    """A series of a chart, and what it is called there."""

    series: str
    label: str = ""


class Behind(NamedTuple):
    """What lies behind a run of so many ``steps``."""

    reference: Reference
    steps: int


class Manner(NamedTuple):
    """How all charts of a run are looked at, and at which of its steps, if at one.

    Of a run that goes on to the step ``last`` there is room for what comes.
    """

    smoothing: float = 0.0
    across: Across = "step"
    logarithmic: bool = False
    step: int | None = None
    last: int | None = None


class Legend(Static):
    """Names the lines of a chart; a click on a name hides the line, or shows it again."""

    def action_toggle_line(self, series: str) -> None:
        """Hide a line, or show it again."""
        chart = self.parent
        assert isinstance(chart, Chart)
        chart.toggle(series)


class Chart(Vertical):
    """A title, which is the legend too, and the curves of ``lines`` below it."""

    DEFAULT_CSS = """
    Chart {
        & > Legend {
            height: 1;
            padding-left: 1;
            link-color: $foreground;
            link-style: none;
            link-color-hover: $foreground;
            link-background-hover: $panel;
            link-style-hover: none;
        }
        & > Plot { height: 1fr; }
    }
    """

    legend = getters.query_one(Legend)
    plot = getters.query_one(Plot)

    def __init__(
        self, title: str, lines: Sequence[Line], words: Told, *, binary: bool = False
    ) -> None:
        """``words`` tells a value as people read it, where ``binary`` ones are round."""
        super().__init__()
        self.title, self.lines, self.words, self.binary = title, lines, words, binary
        self.hidden: set[str] = set()
        self.series = SeriesLog()
        self.manner, self.behind = Manner(), None
        self._curves: dict[tuple[SeriesLog, str, float], Curves] = {}
        self._cells = 0

    def on_mount(self) -> None:
        """Draw it in the colours of another theme, once it is chosen."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.draw())

    def compose(self) -> ComposeResult:
        """The two of them."""
        yield Legend()
        yield Plot(self.words, binary=self.binary)

    def open(self) -> None:
        """Be empty, for a run of which nothing was told yet."""
        self.series = SeriesLog()
        self._curves.clear()

    def measured(self, log: SeriesLog) -> bool:
        """Whether there is something to draw in ``log``."""
        names = [line.series for line in self.lines if line.series in log]
        # What the machine does before the first step would all stand at one place of the axis.
        return any(log.step or not name.startswith("system/") for name in names)

    def show(
        self, log: SeriesLog, manner: Manner, cells: int, behind: Behind | None = None
    ) -> None:
        """Draw what ``log`` has of the lines, so many ``cells`` wide.

        Where they are smoothed, what they are made of is behind them, and behind that what lies
        ``behind`` the run.
        """
        if (log, behind, *manner[1:3]) != (self.series, self.behind, *self.manner[1:3]):
            self._curves.clear()
        if manner.across != self.manner.across:
            self.plot.moved = False
        self.series, self.manner, self.behind, self._cells = log, manner, behind, cells
        self.draw()

    def toggle(self, series: str) -> None:
        """Hide a line, or show it again."""
        self.hidden ^= {series}
        self.draw()

    def show_next_alone(self) -> None:
        """Show the first line alone, or the one after that which is alone, or all of them again."""
        names = [line.series for line, _ in self._lines]
        shown = [name for name in names if name not in self.hidden]
        place = names.index(shown[0]) + 1 if len(shown) == 1 else 0
        alone = names[place : place + 1]
        self.hidden = {name for name in names if name not in alone} if alone else set()
        self.draw()

    @property
    def _drawn(self) -> Drawn:
        return drawn_on(self.app.current_theme)

    @property
    def _lines(self) -> list[tuple[Line, str]]:
        """Those that were measured, and their colours."""
        lines = zip(self.lines, self._drawn.curves, strict=False)
        return [(line, colour) for line, colour in lines if line.series in self.series]

    def on_plot_widget_scale_changed(self) -> None:
        """Draw what is in view now."""
        self.draw()

    def draw(self) -> None:
        """Draw it anew."""
        plot, manner = self.plot, self.manner
        axis = Axis(self.series, manner.across)
        plot.clear()
        plot.across, plot.logarithmic = manner.across, manner.logarithmic
        plot.span(0, self._end(axis))
        shown = [(line, colour) for line, colour in self._lines if line.series not in self.hidden]
        laid_behind = self._lay_behind(axis)
        for weight in (0.0, manner.smoothing) if manner.smoothing else (0.0,):
            for line, colour in reversed(shown):  # the first is seen where they meet
                curves = self._curves_of(line.series, axis, weight)
                colour = colour if weight == manner.smoothing else self._drawn.quiet
                self._draw(curves.within(plot.view(self._cells)), colour)
        if manner.step is not None:
            plot.add_v_line(axis.place_of(manner.step), self._drawn.faint)
        lines = _packed(self._legend(laid_behind), self.legend.size.width or self._cells)
        self.legend.styles.height = len(lines)
        self.legend.update(Content("\n").join(lines), layout=False)

    def _end(self, axis: Axis) -> float:
        """Where the axis ends: at the run's end, or a little after where it is now."""
        end = ROOM * (axis.extent or 1.0)
        if self.manner.last is None:
            return end
        whole = end * self.manner.last / max(self.series.step, 1)
        return max(end, min(rounded_up(end, ENDS), whole))

    def _curves_of(self, series: str, axis: Axis, weight: float) -> Curves:
        key = axis.log, series, weight
        if key not in self._curves:
            logarithmic = self.manner.logarithmic
            self._curves[key] = Curves(axis.log[series], axis, weight, logarithmic=logarithmic)
        return self._curves[key]

    def _draw(self, found: list[Curve], colour: str) -> None:
        for x, y in found:
            if len(x) == 1:  # which no line is drawn of
                self.plot.scatter(x, y, "", colour, HiResMode.BRAILLE)
            else:
                self.plot.plot(x, y, colour, HiResMode.BRAILLE)

    def _lay_behind(self, axis: Axis) -> bool:
        """Draw the same figures of another run, at the same shares of it; false without any."""
        if self.behind is None:
            return False
        reference, steps = self.behind
        view = self.plot.view(self._cells)
        scale = steps / reference.steps
        theirs = view._replace(low=0.0, high=float(reference.steps))
        names = [line.series for line in self.lines if line.series in reference.series]
        for name in names:
            for curve in self._curves_of(name, Axis(reference.series), 0.0).within(theirs):
                x = axis.places_of_steps(curve.x * scale)
                seen = np.isfinite(x)
                self._draw([Curve(x[seen], curve.y[seen])] if seen.any() else [], self._drawn.faint)
        return bool(names)

    def _legend(self, laid_behind: bool) -> list[Content]:
        manner = self.manner
        _, quiet, faint = self._drawn
        at = "" if manner.step is None else f" at step {count(manner.step)}"
        parts = [Content.styled(printable(self.title) + at, "bold")]
        for line, colour in self._lines:
            hidden = line.series in self.hidden
            label = printable(line.label)
            if not hidden:
                label = f"{label} {self._value(line.series)}".strip()
            sign = Content.styled(f"{HIDDEN if hidden else SIGN} ", faint if hidden else colour)
            name = Content.styled(label, faint) if hidden else Content(label)
            click = Style.from_meta({"@click": f"toggle_line({line.series!r})"})
            parts.append(Content.assemble(sign, name).stylize(click))
        if manner.across == "time" and self.series.clock.breaks:
            parts.append(Content.styled("breaks left out", quiet))
        if manner.logarithmic:
            parts.append(Content.styled("log scale", quiet))
        if manner.smoothing:
            parts.append(Content.styled(f"smoothed {manner.smoothing:g}", quiet))
        if laid_behind and self.behind is not None:
            parts.append(Content.styled(f"{SIGN} {printable(self.behind.reference.name)}", faint))
        return parts

    def _value(self, name: str) -> str:
        """The newest value, or that at the step that is looked at; ``~`` for the one before it."""
        series, step = self.series[name], self.manner.step
        if step is None:
            return "not finite" if series.last is None else self.words(series.last)
        point = series.at(step)
        if point is None:
            return "-"
        words = self.words(point.value) if np.isfinite(point.value) else "not finite"
        return words if point.step == step else f"~{words}"


def _packed(parts: Sequence[Content], width: int) -> list[Content]:
    """``parts`` in lines of at most ``width`` cells, none broken in two."""
    lines: list[Content] = []
    for part in parts:
        if lines and lines[-1].cell_length + APART + part.cell_length <= width:
            lines[-1] = Content.assemble(lines[-1], " " * APART, part)
        else:
            lines.append(part)
    return lines
