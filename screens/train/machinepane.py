"""The machine that a run trains on: how busy it is now, and was in the last minutes."""

from __future__ import annotations

from collections.abc import Iterator

from textual import getters
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from stplay.jobs.events import Event
from stplay.jobs.machinewords import (
    Gauge,
    MachineHistory,
    Part,
    PartLine,
    Role,
    gauge_lines,
)
from stplay.remote.remoterun import RemoteRun
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.screens.shared.theme import ACCENT, QUIET
from stplay.screens.train.pane import Pane
from stplay.text import count, decimals, moment, size

STYLES: dict[Role, str] = {
    "title": "bold",
    "plain": "",
    "quiet": QUIET,
    "bar": ACCENT,
    "curve": ACCENT,
    "warning": "$warning",
}
NOTHING_YET = (
    "What the machine does is told every two seconds, once the training process is at work."
)
NOT_TOLD = "This run has told nothing of its machine."


class MachinePane(Pane):
    """GPU by GPU, the machine, and what the training takes of it."""

    DEFAULT_CSS = """
    MachinePane { padding-left: 1; }
    MachinePane VerticalScroll { scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    MachinePane .machine { text-wrap: nowrap; text-overflow: ellipsis; }
    """

    scroll = getters.query_one(VerticalScroll)
    text = getters.query_one(".machine", Static)

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.history = MachineHistory()
        self._log = TrainingLog()

    def compose(self) -> ComposeResult:
        """All of it as lines, which may be more than there is room for."""
        with VerticalScroll():
            yield Static(classes="machine")

    def open(self, run: Run | RemoteRun) -> None:
        """Be empty, for a run of which nothing was told yet."""
        self.history, self._log = MachineHistory(), TrainingLog()
        self.draw()

    def show(self, events: list[Event], log: TrainingLog) -> None:
        """Show the newest of what has come."""
        for event in events:
            self.history.apply(event)
        self._log = log
        self.draw()

    def take_focus(self) -> None:
        """Focus what is scrolled."""
        self.scroll.focus()

    def draw(self) -> None:
        """Show what is known, where it is looked at."""
        width = self.scroll.scrollable_content_region.width
        if not self.display or not width:
            return
        lines = [
            Content.assemble(*((part.text, STYLES[part.role]) for part in line))
            for line in self._lines(width)
        ]
        self.text.update(Content("\n").join(lines))

    on_resize = on_show = draw

    def _lines(self, width: int) -> Iterator[PartLine]:
        log, last = self._log, self.history.last
        if last is None:
            yield [Part(NOTHING_YET if log.active else NOT_TOLD, "quiet")]
            return
        if not log.active:
            yield [Part(f"As last told, {moment(last.time)}", "quiet")]
            yield []
        if last.machine is not None:
            yield from self.history.lines(log.worker.host if log.worker else "machine", width)
            yield []
        yield [Part("training process", "title"), *self._which(log)]
        yield from gauge_lines(self._of_process(log), width)

    def _which(self, log: TrainingLog) -> Iterator[Part]:
        if log.started is not None and log.started.processes > 1:
            yield Part(f"  the first of {count(log.started.processes)}", "quiet")

    def _of_process(self, log: TrainingLog) -> Iterator[Gauge]:
        last, found = self.history.last, self.history.found
        if last is None:
            return
        used = decimals(last.cpu_percent / 100, 1)
        of = f" of {count(found.processors)}" if found else ""
        share = last.cpu_percent / 100 / found.processors if found and found.processors else None
        yield Gauge("processors", used + of, share)
        share = last.memory_bytes / found.memory if found and found.memory else None
        yield Gauge("memory", size(last.memory_bytes), share)
        if last.gpu_memory_bytes is not None:
            yield Gauge("GPU memory", size(last.gpu_memory_bytes))
        if (checkpoint := log.checkpoint) is not None:
            kept = f"{count(checkpoint.kept)} kept, {size(checkpoint.disk_bytes)}"
            yield Gauge("checkpoints", kept)
