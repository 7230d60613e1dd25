"""The library's plot as the charts of a run use it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import pairwise
from math import ceil
from typing import Any, ClassVar

from textual.app import ComposeResult, RenderResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.geometry import Region
from textual_plot.axis_formatter import NumericAxisFormatter
from textual_plot.plot_widget import Legend, PlotWidget

from stplay.screens.shared.linecanvas import LineCanvas
from stplay.text import count

LABEL_CELLS = 9  # of a number beside the axis, and the blank after it
LEVEL_SHARE = 0.01  # of a value that does not change, above and below it
STEP_CELLS = 10  # of a number below the axis, and those that part it from the next

Told = Callable[[float], str]


class Ticks(NumericAxisFormatter):
    """Ticks at round numbers, told in the words of the chart, as many as have room."""

    def __init__(self, words: Told, most: Callable[[], int]) -> None:
        """``most`` tells how many have room."""
        self.words, self.most = words, most

    def get_ticks(self, min_: float, max_: float, max_ticks: int = 8) -> list[float]:
        """Where the ticks are."""
        ticks = super().get_ticks(min_, max_, max_ticks)
        return ticks[:: ceil(len(ticks) / max(1, self.most()))]

    def get_labels_for_ticks(self, ticks: Sequence[float]) -> list[str]:
        """What stands beside the ticks; nothing where it is what stands beside the one before."""
        words = ["", *map(self.words, ticks)]
        return [word if word != before else "" for before, word in pairwise(words)]


class Plot(PlotWidget, inherit_bindings=False):
    """Has no titles of axes, and room for what they would take; keys of its own names only."""

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

    def __init__(self, words: Told) -> None:
        """``words`` tells a value as it stands beside the axis."""
        super().__init__()
        self.moved = False
        self.set_x_formatter(Ticks(count, lambda: self.size.width // STEP_CELLS))
        self.set_y_formatter(Ticks(words, lambda: self.size.height // 2))

    def span(self, low: float, high: float) -> None:
        """Show what is from ``low`` to ``high``, unless somebody looks at a part of it."""
        if self.moved:
            self._user_x_min, self._user_x_max = low, high  # for when all of it is wanted
        else:
            self.set_xlimits(low, high)

    def rise(self, values: Sequence[float]) -> None:
        """Show what is from the lowest to the highest of ``values``.

        Where they are one, the library would leave room for a millionth beside it, which of bytes
        and the like is none.
        """
        if self.moved:
            return
        low, high = min(values, default=0.0), max(values, default=0.0)
        room = abs(low) * LEVEL_SHARE if low == high else 0.0
        self.set_ylimits(*((low - room, high + room) if room else (None, None)))

    def on_plot_widget_scale_changed(self, event: PlotWidget.ScaleChanged) -> None:
        """Know whether all of it is shown."""
        event.stop()
        self.moved = (event.x_min, event.x_max) != (self._user_x_min, self._user_x_max)

    def compose(self) -> ComposeResult:
        """As the library's, with canvases that draw lines at once and repaint no more than that."""
        with Grid():
            for part in ("margin-top", "margin-left", "plot", "margin-bottom"):
                yield LineCanvas(1, 1, id=part)
        yield Legend(id="legend")

    def on_mount(self) -> None:
        """Take no room but for the numbers beside the axes."""
        self.margin_top, self.margin_bottom, self.margin_left = 0, 1, LABEL_CELLS

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
