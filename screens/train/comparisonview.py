"""Several runs together: their curves in one chart each, what they reached, how they differ."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widgets import DataTable, Static

from stplay.errors import UserError
from stplay.runs import comparison
from stplay.runs.axis import ACROSS, Across
from stplay.runs.comparison import ComparedRun, Contrast
from stplay.runs.run import Run
from stplay.screens.train.linestyles import LINE_STYLES
from stplay.screens.train.overlaidchart import OverlaidChart, StyledRun
from stplay.screens.train.plot import four
from stplay.text import count, decimals, shortened

LOOK_SECONDS = 2.0
MOST_CELLS, LEAST_CELLS = 40, 12  # of a name or a value
TITLE_CELLS = 28
ALIKE = "They were begun alike: the same recipe, data, base, versions and device."


class ComparisonView(Vertical, can_focus=True):
    """Shows runs that were chosen from the list, one of them pinned on top of the others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pin", "Pin"),
        Binding("t", "turn_axis", "Axis"),
        Binding("g", "turn_pane", "Charts"),
        Binding("escape", "leave", "Back"),
    ]

    legend = getters.query_one("#compared-runs", Static)
    table = getters.query_one("#compared-table", DataTable)
    alike = getters.query_one("#compared-alike", Static)

    across: reactive[Across] = reactive[Across]("step")
    pane: reactive[int] = reactive(0)  # on a narrow terminal: 0 is the table

    class Left(Message):
        """The person wants to go back to the list."""

    def __init__(self) -> None:
        super().__init__()
        self._marks: dict[str, int] = {}
        self._runs: list[ComparedRun] = []
        self._looking = False

    def compose(self) -> ComposeResult:
        """The runs and their lines on top, the charts, and the table below."""
        yield Static(id="compared-runs")
        with Horizontal(id="compared-charts"):
            yield OverlaidChart("dev accuracy", "dev/max_accuracy", partial(decimals, places=3))
            yield OverlaidChart("dev loss", "dev/loss", four)
            yield OverlaidChart("training loss", "train/loss", four)
        yield DataTable[Text](cursor_type="row", id="compared-table")
        yield Static(id="compared-alike")

    def on_mount(self) -> None:
        """Look for news as long as it is seen."""
        self.set_interval(LOOK_SECONDS, self._look_again)

    async def open(self, marks: dict[str, int]) -> None:
        """Compare the runs of ``marks``, each with the place of its line style."""
        self._marks, self._runs, self.pane = marks, [], 0
        self.table.clear(columns=True)
        self.alike.display = False
        self.legend.update(f"Reading {count(len(marks))} runs")
        self.draw()
        self.table.focus()
        await self.look()

    async def _look_again(self) -> None:
        if self.display and any(run.started is None or _is_active(run) for run in self._runs):
            await self.look()

    async def look(self) -> None:
        """Read the runs, and show them as far as they have come."""
        if self._looking:
            return
        self._looking, names = True, list(self._marks)
        try:
            found = await asyncio.to_thread(_read, names)
        except (UserError, FileNotFoundError):  # one was removed meanwhile: the others stay
            return
        finally:
            self._looking = False
        if self.is_attached and names == list(self._marks):
            self._runs = found
            self.show()

    def show(self) -> None:
        """Show what is known."""
        if not self._runs:
            return
        runs = self._runs
        names = shortened([run.name for run in runs], self._cells_a_run)
        parts = [Content.styled("Compared", "bold")]
        for place, (run, name) in enumerate(zip(runs, names, strict=True)):
            style = LINE_STYLES[self._marks[run.name]]
            pinned = " on top" if not place else ""
            label = (f"{name}{pinned}", "bold" if not place else "")
            parts.append(
                Content.assemble((f"{style.sign} ", style.colour(self.app.current_theme)), label)
            )
        self.legend.update(Content("   ").join(parts))
        self._fill(names)
        self.call_after_refresh(self.draw)

    def draw(self) -> None:
        """Draw the charts."""
        styled = [
            StyledRun(run.name, run.series, LINE_STYLES[self._marks[run.name]])
            for run in self._runs
        ]
        for chart in self.query(OverlaidChart):
            if chart.size.width:
                chart.show(styled, self.across)

    def _fill(self, names: Sequence[str]) -> None:
        table, row = self.table, self.table.cursor_row
        contrasts = comparison.differences(self._runs)
        table.clear(columns=True)
        table.add_columns(f"reached, {comparison.BEST} the best", *names)
        for contrast in comparison.figures(self._runs):
            table.add_row(*self._cells(contrast))
        if contrasts:
            table.add_row(*[Text("")] * (len(names) + 1))
            table.add_row(Text("differs", style="bold"), *[Text("")] * len(names))
        for contrast in contrasts:
            table.add_row(*self._cells(contrast))
        table.move_cursor(row=row, animate=False)
        self.alike.display = not contrasts
        self.alike.update(ALIKE)

    def _cells(self, contrast: Contrast) -> list[Text]:
        title = contrast.title.removeprefix("training.")
        cells = [*shortened([title], TITLE_CELLS), *shortened(contrast.marked(), self._cells_a_run)]
        return [Text(cell, no_wrap=True) for cell in cells]

    @property
    def _cells_a_run(self) -> int:
        """How many cells there are for a run, so that all of them are seen where they can be."""
        room = self.content_size.width - TITLE_CELLS - 3
        return max(LEAST_CELLS, min(MOST_CELLS, room // len(self._runs) - 2))

    def on_resize(self) -> None:
        """The charts have more room, or less."""
        self.call_after_refresh(self.draw)

    def watch_across(self) -> None:
        """Draw along the other axis."""
        self.show()

    def action_pin(self) -> None:
        """Lay the next run on top of the others."""
        if self._runs:
            self._runs = [*self._runs[1:], self._runs[0]]
            self._marks = {run.name: self._marks[run.name] for run in self._runs}
            self.show()

    def action_turn_axis(self) -> None:
        """Go on to the next axis: steps, epochs, time."""
        for chart in self.query(OverlaidChart):
            chart.plot.moved = False
        self.across = ACROSS[(ACROSS.index(self.across) + 1) % len(ACROSS)]

    def action_turn_pane(self) -> None:
        """Where there is no room for all, go on from the table to each chart, and to it again."""
        self.pane = (self.pane + 1) % (1 + len(self.query(OverlaidChart)))

    def watch_pane(self, pane: int) -> None:
        """Show the table, or that chart."""
        self.set_class(pane > 0, "-charts")
        for number, chart in enumerate(self.query(OverlaidChart), 1):
            chart.set_class(number == pane, "-shown")
        (self if pane else self.table).focus()  # who is hidden has no keys
        self.call_after_refresh(self.draw)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Charts and table take turns where there is no room for all."""
        return action != "turn_pane" or self.screen.has_class("-narrow")

    def action_leave(self) -> None:
        """Go back to the list."""
        self.post_message(self.Left())


def _read(names: Sequence[str]) -> list[ComparedRun]:
    return [comparison.read_run(Run.find(name)) for name in names]


def _is_active(run: ComparedRun) -> bool:
    return run.summary.status in ("starting", "running", "lost")
