"""The pane that tells what a run is: its state, model, data, recipe and versions."""

from __future__ import annotations

from typing import ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input, Static

from stplay.jobs.events import Event
from stplay.runs.overview import FactGroup, matching, overview
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.screens.train.pane import Pane


class OverviewPane(Pane):
    """Tells the facts of a run, or those of them that have the words of its filter."""

    DEFAULT_CSS = """
    OverviewPane {
        & > Input { height: 1; border: none; padding: 0 1; display: none; background: $panel; }
        & > Input.-open { display: block; }
        & > VerticalScroll { padding: 0 1; scrollbar-size-vertical: 1; }
        & Static { height: auto; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "no_filter", "All of it", show=False),
    ]

    entry = getters.query_one(Input)
    scroll = getters.query_one(VerticalScroll)
    words = getters.query_one(Static)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.run: Run | None = None
        self._log = TrainingLog()
        self.parts: list[FactGroup] = []

    def compose(self) -> ComposeResult:
        """The filter, where it is asked for, and what there is to tell."""
        yield Input(placeholder="words that a fact has, such as: learning", compact=True)
        with VerticalScroll():
            yield Static()

    def open(self, run: Run) -> None:
        """Be of ``run``, of which nothing was told yet."""
        self.run, self._log = run, TrainingLog()
        self.scroll.scroll_home(animate=False)
        self.action_no_filter()

    def show(self, events: list[Event], log: TrainingLog) -> None:
        """Tell what is known by now."""
        self._log = log
        self.draw()

    def draw(self) -> None:
        """Tell what is known, where it is looked at."""
        if self.run is None or not self.display or not self.size:
            return
        parts = overview(self.run.id, self.run.folder, self._log)
        if parts != self.parts:
            self.parts = parts
            self._tell()

    on_resize = on_show = draw

    def take_focus(self) -> None:
        """Focus what is read, so that the arrow keys move it."""
        self.scroll.focus()

    def action_filter(self) -> None:
        """Ask for words."""
        self.entry.add_class("-open")
        self.entry.focus()

    def action_no_filter(self) -> None:
        """Tell all of it."""
        if self.entry.has_class("-open"):
            self.entry.remove_class("-open")
            self.entry.value = ""
            self.take_focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Tell what has the words."""
        event.stop()
        self._tell()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Go on reading what was found."""
        event.stop()
        self.take_focus()

    def _tell(self) -> None:
        found = matching(self.parts, self.entry.value)
        if self.parts and not found:
            self.words.update("No fact has these words; Escape shows all again.")
            return
        self.words.update(Group(*(each for part in found for each in self._lines(part))))

    @staticmethod
    def _lines(part: FactGroup) -> tuple[Text, Table, Text]:
        table = Table.grid(padding=(0, 1), expand=True)  # its names take the room they need
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        for fact in part.facts:
            value, sign = Text(fact.value), ""
            if fact.instead_of is not None:
                value.append(f"   instead of {fact.instead_of}", "dim")
                sign = "*"
            table.add_row(sign, Text(fact.name, "dim"), value)
        return Text(f"  {part.title}", "bold"), table, Text()
