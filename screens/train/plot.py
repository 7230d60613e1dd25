"""The library's plot as the charts of a run use it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from math import floor, log
from typing import Any, ClassVar

import numpy as np
from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.geometry import Region
from textual.message import Message
from textual_hires_canvas import Canvas
from textual_plot.plot_widget import Legend, LinePlot, PlotWidget

from stplay.runs.axis import Across
from stplay.runs.curves import View
from stplay.screens.shared.linecanvas import LineCanvas
from stplay.screens.train.ticks import BELOW, beside, beside_logarithmic, multiples

BETWEEN_LABELS = 3  # cells below the axis, at least
DECIMALS = 6  # of a cell
ON_FRAME = {"left": "├", "right": "┤", "top": "┬", "bottom": "┴"}

Told = Callable[[float], str]


def four(value: float) -> str:
    """A value in four digits."""
    return f"{value:.4g}"


class Plot(PlotWidget, inherit_bindings=False):
    """Has no titles of axes, and room for what they would take; keys of its own names only.

    What is in view from left to right fills it from bottom to top.
    """

    class Pointed(Message):
        """The mouse is at a ``place`` of the axis, and ``clicked`` there or not."""

        def __init__(self, place: float, *, clicked: bool) -> None:
            super().__init__()
            self.place, self.clicked = place, clicked

    class Walked(Message):
        """The crosshair goes on to a ``place`` of the axis, ``toward`` its end or its start."""

        def __init__(self, place: float, toward: int) -> None:
            super().__init__()
            self.place, self.toward = place, toward

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus", "zoom_x_in", "Zoom", key_display="+ -"),
        Binding("minus", "zoom_x_out", "Zoom out", show=False),
        Binding("left", "pan_left", "Earlier", show=False),
        Binding("right", "pan_right", "Later", show=False),
        Binding("0", "reset_scales", "All of it"),
    ]
    DEFAULT_CSS = """
    Plot {
        background: $background;

        & > .plot--axis, &:focus > .plot--axis { color: $panel; }
        & > .plot--tick { color: $text-muted; text-style: none; }
    }
    """

    def __init__(self, words: Told, *, binary: bool = False) -> None:
        """``words`` tells a value as it stands beside the axis, where ``binary`` ones are round."""
        super().__init__()
        self.words, self.binary = words, binary
        self.moved = self.logarithmic = False
        self.across: Across = "step"
        self._dragged = False

    def span(self, low: float, high: float) -> None:
        """Show what is from ``low`` to ``high``, unless somebody looks at a part of it."""
        if self.moved:
            self._user_x_min, self._user_x_max = low, high  # for when all of it is wanted
        elif (self._x_min, self._x_max) != (low, high):
            self.set_xlimits(low, high)

    def view(self, columns: int) -> View:
        """What is shown, in so many ``columns`` where it is not known yet how many there are."""
        return View(self._x_min, self._x_max, self._scale_rectangle.width or columns)

    def on_plot_widget_scale_changed(self, event: PlotWidget.ScaleChanged) -> None:
        """Know whether all of it is shown."""
        self.moved = (event.x_min, event.x_max) != (self._user_x_min, self._user_x_max)

    def compose(self) -> ComposeResult:
        """As the library's, with canvases that draw lines at once and repaint no more than that."""
        with Grid():
            for part in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield LineCanvas(1, 1, id=part)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        """Take no room but for the numbers beside the axes."""
        self.margin_top, self.margin_bottom = 0, 1

    def _update_margin_sizes(self) -> None:
        super()._update_margin_sizes()
        self.query_one(Grid)._clear_arrangement_cache()  # which a grid keeps for other columns

    def on_canvas_resize(self) -> None:
        """Draw as large as there is room now."""
        self._needs_canvas_resize = True
        self._rerender()

    def refresh(self, *regions: Region, **how: Any) -> Plot:
        """Draw anew where nothing else is asked for: of the widget itself nothing is seen."""
        if regions or not self.is_running or any(how.get(each) for each in ("layout", "recompose")):
            return super().refresh(*regions, **how)
        self.call_next(self.render)
        return self

    def render(self) -> RenderResult:
        """Draw on the canvases, if there is something new to draw."""
        with ExitStack() as redrawn:
            for canvas in self.query(LineCanvas):
                redrawn.enter_context(canvas.redrawn())
            return super().render()

    def _render_plot(self) -> None:
        self._fit()
        super()._render_plot()

    def _fit(self) -> None:
        """From bottom to top show what there is, between round numbers."""
        values = [data.y for data in self._datasets if len(data.y)]
        low = min((float(each.min()) for each in values), default=0.0)
        high = max((float(each.max()) for each in values), default=1.0)
        rows = max(1, self._scale_rectangle.height)
        if self.logarithmic:
            self._y_min, self._y_max, self._y_ticks = beside_logarithmic(low, high, rows)
        else:
            unit = 1024.0 ** floor(log(high, 1024)) if self.binary and high >= 1 else 1.0
            self._y_min, self._y_max, self._y_ticks = beside(low, high, rows, unit)
        self._auto_y_min = self._auto_y_max = False
        told = [self.words(10**tick if self.logarithmic else tick) for tick in self._y_ticks]
        self._labels_beside = told
        self.margin_left = max(map(cell_len, told), default=0) + 2

    def get_hires_pixel_from_coordinate(self, x: Any, y: Any) -> tuple[Any, Any]:
        """As the library's, for arrays too; what is lowest stands above the frame.

        Of what computing leaves of equal values nothing is seen.
        """
        x, y = super().get_hires_pixel_from_coordinate(x, y)
        return x, np.minimum(np.round(y, DECIMALS), self._scale_rectangle.bottom - 1e-3)

    def _render_line_plot(self, dataset: LinePlot) -> None:
        """As the library's, all points at once."""
        x, y = self.get_hires_pixel_from_coordinate(dataset.x, dataset.y)
        ends = np.stack((x[:-1], y[:-1], x[1:], y[1:]), axis=1)
        canvas = self.query_one("#plot", LineCanvas)
        canvas.draw_hires_lines(ends, dataset.hires_mode, dataset.line_style)

    def _render_y_ticks(self) -> None:
        canvas, margin = self.query_one("#plot", Canvas), self.query_one("#margin-left", Canvas)
        margin.reset()
        axis, quiet = map(str, map(self.get_component_rich_style, ("plot--axis", "plot--tick")))
        before = ""
        for tick, label in zip(self._y_ticks or (), self._labels_beside, strict=True):
            row = self._row_of(tick)
            canvas.set_pixel(0, row, ON_FRAME["left"], axis)
            canvas.set_pixel(self._scale_rectangle.right, row, ON_FRAME["right"], axis)
            if label != before:  # what stands beside the one before tells nothing
                _write(margin, self.margin_left - 1 - cell_len(label), row, label, quiet)
            before = label

    def _row_of(self, value: float) -> int:
        area = self._scale_rectangle
        share = (value - self._y_min) / (self._y_max - self._y_min)
        return round(area.bottom - share * area.height)

    def _render_x_ticks(self) -> None:
        canvas, margin = self.query_one("#plot", Canvas), self.query_one("#margin-bottom", Canvas)
        margin.reset()
        axis, quiet = map(str, map(self.get_component_rich_style, ("plot--axis", "plot--tick")))
        room = margin._canvas_size.width - cell_len(self.across)
        _write(margin, room, 0, self.across, quiet)
        free = 0
        for tick, label in self._ticks_below():
            column, _ = self.get_pixel_from_coordinate(tick, 0.0)
            begin = max(0, self.margin_left + column - cell_len(label) // 2)
            if begin < free or begin + cell_len(label) >= room:  # another word is there
                continue
            free = begin + cell_len(label) + 1
            _write(margin, begin, 0, label, quiet)
            canvas.set_pixel(column, 0, ON_FRAME["top"], axis)
            canvas.set_pixel(column, self._scale_rectangle.bottom, ON_FRAME["bottom"], axis)

    def _ticks_below(self) -> list[tuple[float, str]]:
        """As many as there is room for beside each other."""
        words, up = BELOW[self.across]
        low, high = self._x_min, self._x_max
        interval, columns = (high - low) / 16, max(1, self._scale_rectangle.width)
        while True:
            interval = up(interval)
            ticks = multiples(interval, max(low, 0.0), high)
            labels = [words(tick) for tick in ticks]
            apart = interval / (high - low) * columns
            if max(map(cell_len, labels), default=0) + BETWEEN_LABELS <= apart or len(ticks) < 2:
                return [*zip(ticks, labels, strict=True)]
            interval *= 1.5

    def _zoom(
        self, center_x: float, center_y: float, factor: float, zoom_x: bool, zoom_y: bool
    ) -> None:
        super()._zoom(center_x, center_y, factor, zoom_x, zoom_y=False)

    def _pan(self, factor_x: float, factor_y: float) -> None:
        if factor_x:
            super()._pan(factor_x, 0)

    def action_pan_left(self) -> None:
        """Go to what is earlier, with the crosshair where there is one."""
        self._walk(-1)

    def action_pan_right(self) -> None:
        """Go to what is later, with the crosshair where there is one."""
        self._walk(1)

    def _walk(self, toward: int) -> None:
        if not self._v_lines:
            self._pan(-toward * self.KEYBOARD_PAN_FACTOR, 0)
            return
        cell = (self._x_max - self._x_min) / max(1, self._scale_rectangle.width)
        self.post_message(self.Walked(self._v_lines[0].x + toward * cell, toward))

    def on_mouse_down(self) -> None:
        """A press may become a click or a pull."""
        self._dragged = False

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Tell where the mouse is, unless it pulls."""
        self._dragged |= event.button != 0
        if not event.button:
            self._point(event, clicked=False)

    def on_click(self, event: events.Click) -> None:
        """Tell where it was, unless it pulled."""
        if not self._dragged:
            self._point(event, clicked=True)

    def _point(self, event: events.MouseEvent, *, clicked: bool) -> None:
        column = event.screen_x - self.query_one("#plot").region.x
        if 1 <= column <= self._scale_rectangle.width:
            place, _ = self.get_coordinate_from_pixel(column, 1)
            self.post_message(self.Pointed(place, clicked=clicked))


def _write(canvas: Canvas, x: int, y: int, text: str, style: str) -> None:
    for column, char in enumerate(text, x):
        canvas.set_pixel(column, y, char, style)
