"""The charts of a run, as many at once as there is room for, on pages where there are more."""

from __future__ import annotations

from functools import partial
from math import ceil
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.reactive import reactive

from stplay.foreign.foreignsource import ForeignSource
from stplay.jobs.events import Event, MetricsLogged
from stplay.runs.run import Run
from stplay.runs.series import SeriesLog
from stplay.runs.traininglog import TrainingLog
from stplay.screens.train.chart import Behind, Chart, Line
from stplay.screens.train.foreigncharts import ForeignChart, foreign_charts
from stplay.screens.train.pane import Pane
from stplay.screens.train.plot import Plot
from stplay.similarities import SIMILARITIES
from stplay.text import count, decimals, size

LEAST_WIDTH, LEAST_HEIGHT = 38, 12
SMOOTHINGS = (0.0, 0.6, 0.9, 0.99)
ACCURACIES = ("max", *SIMILARITIES)


def four(value: float) -> str:
    """A value in four digits."""
    return f"{value:.4g}"


def tiny(value: float) -> str:
    """A value by its power of ten."""
    return f"{value:.1e}" if value else "0"


def charts() -> list[Chart]:
    """The charts of a run of ours, those first that people look at first."""
    return [
        Chart("loss", [Line("train/loss", "train"), Line("dev/loss", "dev")], four),
        Chart(
            "dev accuracy",
            [Line(f"dev/{name}_accuracy", name) for name in ACCURACIES],
            partial(decimals, places=3),
        ),
        Chart("learning rate", [Line("train/learning_rate")], tiny),
        Chart("gradient norm", [Line("train/gradient_norm")], four),
        Chart("samples a second", [Line("train/samples_per_second")], count),
        Chart("memory of the process", [Line("system/memory_bytes")], size),
        Chart("memory of the GPU", [Line("system/gpu_memory_bytes")], size),
        Chart(
            "use",
            [Line("system/cpu_percent", "processor"), Line("system/gpu_percent", "GPU")],
            "{:.0f} %".format,
        ),
    ]


class ChartGrid(Pane):
    """Draws the series of a run, those charts of it that something was measured for."""

    DEFAULT_CSS = """
    ChartGrid {
        layout: grid;
        grid-gutter: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enlarge", "Enlarge"),
        Binding("m", "smooth", "Smooth"),
        Binding("comma", "turn(-1)", "Page before", show=False),
        Binding("full_stop", "turn(1)", "Page", key_display=", ."),
    ]

    smoothing: reactive[float] = reactive(0.0)
    page: reactive[int] = reactive(0)
    enlarged: reactive[Chart | None] = reactive[Chart | None](None)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.series = SeriesLog()
        self.behind: Behind | None = None
        self._columns = 1
        self._foreign: dict[str, None] = {}  # what others measured, by its names, in their order

    def compose(self) -> ComposeResult:
        """All charts; what is not measured is not displayed."""
        for chart in charts():
            chart.display = False
            yield chart

    def open(self, run: Run | ForeignSource) -> None:
        """Be empty, for a run of which nothing was told yet."""
        self._foreign = {}
        self.query(ForeignChart).remove()
        self.series, self.page, self.enlarged, self.behind = SeriesLog(), 0, None, None

    def show(self, events: list[Event], log: TrainingLog) -> None:
        """Draw what has come with ``events`` too."""
        for event in events:
            self.series.apply(event)
            if isinstance(event, MetricsLogged):
                self._foreign |= dict.fromkeys(event.values)
        if self._foreign:
            self._add_foreign()
        self.draw()

    def _add_foreign(self) -> None:
        """Have a chart for each series that bears the name it has in another training."""
        there, wanted = self.query(ForeignChart), foreign_charts(self._foreign, four)
        if [chart.lines for chart in there] != [chart.lines for chart in wanted]:
            there.remove()
            for chart in wanted:
                chart.display = False
            self.mount(*wanted)
            self.call_after_refresh(self.draw)

    def take_focus(self) -> None:
        """Focus the first chart."""
        self.query(Plot).first().focus()

    def draw(self) -> None:
        """Draw what is in view."""
        if not self.display or not self.size:
            return
        for chart in self._lay_out():
            cells = self.size.width // self._columns
            chart.show(self.series, self.smoothing, cells, self.behind)

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, ceil(len(self._measured) / self._room))

    @property
    def _measured(self) -> list[Chart]:
        return [chart for chart in self.query(Chart) if chart.measured(self.series)]

    @property
    def _rows(self) -> int:
        return max(1, self.size.height // LEAST_HEIGHT)

    @property
    def _room(self) -> int:
        """How many charts there is room for."""
        return self._rows * max(1, self.size.width // LEAST_WIDTH)

    def _lay_out(self) -> list[Chart]:
        """Display the charts of the page, and return them."""
        shown = self._measured
        if self.enlarged in shown:
            shown = [self.enlarged]
        else:
            first = min(self.page, self.pages - 1) * self._room
            shown = shown[first : first + self._room]
        for chart in self.query(Chart):
            chart.display = chart in shown
        self._columns = ceil(len(shown) / self._rows) or 1
        self.styles.grid_size_columns = self._columns
        self.styles.grid_size_rows = ceil(len(shown) / self._columns) or 1
        return shown

    def on_resize(self) -> None:
        """There may be room for more, or for fewer."""
        self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Pages are turned where there are some."""
        return action != "turn" or self.pages > 1

    def action_smooth(self) -> None:
        """Smooth more, or not at all again."""
        place = SMOOTHINGS.index(self.smoothing) + 1
        self.smoothing = SMOOTHINGS[place % len(SMOOTHINGS)]

    def action_turn(self, pages: int) -> None:
        """Show another page, the focus on its first chart."""
        self.page = (self.page + pages) % self.pages
        next(chart for chart in self.query(Chart) if chart.display).plot.focus()

    def action_enlarge(self) -> None:
        """Show the chart that has the focus alone, or all of them again."""
        focused = self.screen.focused
        charts = (chart for chart in self.query(Chart) if focused is chart.plot)
        self.enlarged = next(charts, None) if self.enlarged is None else None

    watch_smoothing = watch_page = watch_enlarged = draw
