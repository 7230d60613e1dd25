"""The charts of a run, as many at once as there is room for, on pages where there are more."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import partial
from math import ceil
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import Input

from stplay.jobs.events import Event, MetricsLogged
from stplay.remote.watching import WatchedSource
from stplay.runs.axis import ACROSS, Across, Axis
from stplay.runs.series import SeriesLog
from stplay.runs.traininglog import TrainingLog
from stplay.screens.shared.field import Field
from stplay.screens.shared.theme import CURVES
from stplay.screens.train.chart import Behind, Chart, Line, Manner
from stplay.screens.train.foreigncharts import ForeignChart, foreign_charts
from stplay.screens.train.pane import Pane
from stplay.screens.train.plot import Plot, four
from stplay.similarities import SIMILARITIES
from stplay.text import count, decimals, size

LEAST_WIDTH, LEAST_HEIGHT = 38, 12
SMOOTHINGS = (0.0, 0.6, 0.9, 0.99)
ACCURACIES = ("max", *SIMILARITIES)


def tiny(value: float) -> str:
    """A value by its power of ten."""
    return f"{value:.1e}" if value else "0"


def gpu_lines(figure: str) -> list[Line]:
    """A line for each GPU that a machine may have, by its number."""
    return [Line(f"system/gpu{number}_{figure}", f"{number}") for number in range(len(CURVES))]


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
        Chart("memory of the process", [Line("system/memory_bytes")], size, binary=True),
        Chart("memory of the GPU", [Line("system/gpu_memory_bytes")], size, binary=True),
        Chart(
            "use",
            [Line("system/cpu_percent", "processor"), Line("system/gpu_percent", "GPU")],
            "{:.0f} %".format,
        ),
        Chart("GPU use", gpu_lines("use"), "{:.0f} %".format),
        Chart("GPU memory", gpu_lines("memory"), size, binary=True),
        Chart("GPU power", gpu_lines("power"), "{:.0f} W".format),
        Chart("GPU temperature", gpu_lines("temperature"), "{:.0f} °C".format),
        Chart("processors of the machine", [Line("system/processors")], "{:.0f} %".format),
        Chart("memory of the machine", [Line("system/memory_used")], size, binary=True),
        Chart("disk left", [Line("system/disk_left")], size, binary=True),
        Chart(
            "disk, a second",
            [Line("system/disk_read", "read"), Line("system/disk_written", "written")],
            size,
            binary=True,
        ),
        Chart(
            "network, a second",
            [Line("system/network_received", "in"), Line("system/network_sent", "out")],
            size,
            binary=True,
        ),
    ]


def has_words(chart: Chart, wanted: str) -> bool:
    """Whether a chart's title or a series of it has each of the words ``wanted``.

    In a word ``*`` stands for any signs; what has a word that begins with ``-`` is left out.
    """
    names = [f"{chart.title} {line.series} {line.label}".casefold() for line in chart.lines]
    for word in wanted.casefold().split():
        part = word.removeprefix("-")
        has = any(fnmatchcase(name, f"*{part}*") for name in names)
        if part and has == word.startswith("-"):
            return False
    return True


class ChartGrid(Pane):
    """Draws the series of a run, those charts of it that something was measured for.

    A crosshair stands in all of them at one ``step``, where one is looked at.
    """

    class Marked(Message):
        """Somebody wants the crosshair at ``step``, ``toward`` the run's end or start; or none."""

        def __init__(self, step: int | None, toward: int = 0) -> None:
            super().__init__()
            self.step, self.toward = step, toward

    DEFAULT_CSS = """
    ChartGrid {
        layout: grid;
        grid-gutter: 0 1;

        & > Field { dock: bottom; display: none; }
        & > Field.-open { display: block; }
        & > Field Label { margin: 0 1; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "enlarge", "Enlarge"),
        Binding("m", "smooth", "Smooth"),
        Binding("t", "turn_axis", "Axis"),
        Binding("y", "toggle_log_scale", "Log scale"),
        Binding("h", "show_alone", "One line"),
        Binding("x", "toggle_crosshair", "Crosshair"),
        Binding("slash", "filter", "Only some charts", show=False),
        Binding("escape", "no_filter", "All charts", show=False),
        Binding("comma", "turn(-1)", "Page before", show=False),
        Binding("full_stop", "turn(1)", "Page", key_display=", ."),
    ]

    smoothing: reactive[float] = reactive(0.0)
    across: reactive[Across] = reactive[Across]("step")
    logarithmic: reactive[bool] = reactive(False)
    step: reactive[int | None] = reactive[int | None](None)
    page: reactive[int] = reactive(0)
    enlarged: reactive[Chart | None] = reactive[Chart | None](None)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.series = SeriesLog()
        self.behind: Behind | None = None
        self._last: int | None = None
        self._columns = 1
        self._foreign: dict[str, None] = {}  # what others measured, by its names, in their order
        self.wanted = Field(
            "Charts with",
            Input(
                placeholder="words or parts of names, such as: gpu mem* -power",
                select_on_focus=False,
                compact=True,
            ),
        )

    def compose(self) -> ComposeResult:
        """All charts; what is not measured is not displayed."""
        for chart in charts():
            chart.display = False
            yield chart
        yield self.wanted

    def open(self, run: WatchedSource) -> None:
        """Be empty, for a run of which nothing was told yet."""
        self._foreign = {}
        self.query(ForeignChart).remove()
        self.series, self.page, self.enlarged, self.behind = SeriesLog(), 0, None, None
        self.step = None
        self._close_filter()
        for chart in self.query(Chart):
            chart.open()

    def show(self, events: list[Event], log: TrainingLog) -> None:
        """Draw what has come with ``events`` too."""
        self.series, self._last = log.series, log.total_steps if log.active else None
        for event in events:
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
        """Focus the first chart that is shown, or what has left none."""
        shown = next((chart.plot for chart in self.query(Chart) if chart.display), None)
        if shown is None and self.wanted.value:
            self.wanted.entry.focus()
        else:
            (shown or self.query(Plot).first()).focus()

    def draw(self) -> None:
        """Draw what is in view."""
        if not self.display or not self.size:
            return
        manner = Manner(self.smoothing, self.across, self.logarithmic, self.step, self._last)
        for chart in self._lay_out():
            chart.show(self.series, manner, self.size.width // self._columns, self.behind)

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return max(1, ceil(len(self._measured) / self._room))

    @property
    def _measured(self) -> list[Chart]:
        there = (chart for chart in self.query(Chart) if chart.is_mounted)  # has what it draws on
        wanted = self.wanted.value
        return [
            chart for chart in there if chart.measured(self.series) and has_words(chart, wanted)
        ]

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
        nothing = bool(self.wanted.value) and not shown
        self.wanted.complaint = "No chart has these words; Esc shows all." if nothing else ""
        return shown

    def on_resize(self) -> None:
        """There may be room for more, or for fewer."""
        self.draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Pages are turned where there are some, and all is shown again where only some is."""
        if action == "no_filter":
            return self.wanted.has_class("-open")
        return action != "turn" or self.pages > 1

    def action_filter(self) -> None:
        """Ask for words that the charts are to have."""
        self.wanted.add_class("-open")
        self.wanted.entry.focus()

    def action_no_filter(self) -> None:
        """Show all charts again."""
        self._close_filter()
        self.draw()
        self.take_focus()

    def _close_filter(self) -> None:
        self.wanted.remove_class("-open")
        self.wanted.value = ""

    @on(Field.Changed)
    def _narrow(self, event: Field.Changed) -> None:
        event.stop()
        self.page, self.enlarged = 0, None
        self.draw()

    @on(Input.Submitted)
    def _look_at_them(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            self._close_filter()
        self.take_focus()

    def action_smooth(self) -> None:
        """Smooth more, or not at all again."""
        place = SMOOTHINGS.index(self.smoothing) + 1
        self.smoothing = SMOOTHINGS[place % len(SMOOTHINGS)]

    def action_turn(self, pages: int) -> None:
        """Show another page, the focus on its first chart."""
        self.page = (self.page + pages) % self.pages
        next(chart for chart in self.query(Chart) if chart.display).plot.focus()

    @property
    def _focused(self) -> Chart | None:
        focused = self.screen.focused
        return next((chart for chart in self.query(Chart) if focused is chart.plot), None)

    def action_enlarge(self) -> None:
        """Show the chart that has the focus alone, or all of them again."""
        self.enlarged = self._focused if self.enlarged is None else None

    def action_turn_axis(self) -> None:
        """Lay the run out along its steps, its epochs or its time."""
        self.across = ACROSS[(ACROSS.index(self.across) + 1) % len(ACROSS)]

    def action_toggle_log_scale(self) -> None:
        """Draw powers of ten as far apart as they are from each other, or values again."""
        self.logarithmic = not self.logarithmic

    def action_show_alone(self) -> None:
        """Of the chart that has the focus show one line alone, the next one, or all again."""
        if (chart := self._focused) is not None:
            chart.show_next_alone()

    def action_toggle_crosshair(self) -> None:
        """Manner at the middle of what the chart shows, or at what is newest again."""
        chart = self._focused
        if self.step is not None or chart is None:
            self.post_message(self.Marked(None))
        else:
            view = chart.plot.view(1)
            self._mark((view.low + view.high) / 2)

    def on_plot_pointed(self, event: Plot.Pointed) -> None:
        """A click puts the crosshair there; where there is one it follows the mouse."""
        if event.clicked or self.step is not None:
            self._mark(event.place)

    def on_plot_walked(self, event: Plot.Walked) -> None:
        """Keys move the crosshair on."""
        self._mark(event.place, event.toward)

    def _mark(self, place: float, toward: int = 0) -> None:
        if self.series.tracks():
            self.post_message(self.Marked(Axis(self.series, self.across).step_at(place), toward))

    watch_smoothing = watch_page = watch_enlarged = draw
    watch_across = watch_logarithmic = watch_step = draw
