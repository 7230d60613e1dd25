"""One run, live: its progress, the training-log table, and the training process's log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.notifications import SeverityLevel
from textual.reactive import reactive
from textual.widgets import ContentSwitcher, ProgressBar, RichLog, Static

from stplay.foreign.foreignlog import ForeignLog, results_words
from stplay.jobs.events import Control, Event, Noted, TrainLogged
from stplay.jobs.worklog import SIGNS, TONES, asked_words, memory_words, stage_words
from stplay.remote.remotelink import RemoteLink
from stplay.remote.remoterun import RemoteRun
from stplay.remote.watching import RemoteSource, WatchedSource
from stplay.runs.referencelog import Reference, reference_of
from stplay.runs.run import Run
from stplay.runs.series import TRAINING_STAGE
from stplay.runs.traininglog import (
    TrainingLog,
    device_words,
    engine_words,
    started_epoch_words,
)
from stplay.screens.shared.folderopening import show_folder
from stplay.screens.shared.jobwatch import JobWatch
from stplay.screens.train.chart import Behind
from stplay.screens.train.chartgrid import ChartGrid
from stplay.screens.train.foreigntable import ForeignTable
from stplay.screens.train.machinepane import MachinePane
from stplay.screens.train.overviewpane import OverviewPane
from stplay.screens.train.pane import Pane
from stplay.screens.train.probespane import ProbesPane
from stplay.screens.train.trainingtable import TrainingTable
from stplay.text import clipped, count, decimals, duration, printable, size

OUTPUT_SECONDS = LINK_SECONDS = 1.0
LINK_STYLES = {"lost": "$warning", "refused": "$error"}
CHARTS = "charts"
NO_OUTPUT = "The training process has printed nothing."
FOREIGN_OUTPUT = "Another program trains this run; what it prints is told where it was started."
MOST_RESULTS = 3  # of a model card: lines that leave room for its table
SEVERITIES: dict[str, SeverityLevel] = {
    "info": "information",
    "warning": "warning",
    "error": "error",
}


def packed(facts: Iterable[str], width: int) -> list[str]:
    """``facts`` in lines of at most ``width`` cells, none broken in two."""
    lines: list[str] = []
    for fact in facts:
        if lines and cell_len(lines[-1]) + 3 + cell_len(fact) <= width:
            lines[-1] += f"   {fact}"
        else:
            lines.append(fact)
    return lines


class RunView(JobWatch[TrainingLog]):
    """Follows a run's event log and shows it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("O", "open_folder", "Open its folder", show=False)
    ]

    state = getters.query_one("#head-state", Static)
    bar = getters.query_one("#progress", ProgressBar)
    left = getters.query_one("#head-left", Static)
    link_line = getters.query_one("#link", Static)
    facts = getters.query_one("#facts", Static)
    table = getters.query_one(TrainingTable)
    foreign_table = getters.query_one(ForeignTable)
    panes = getters.query_one("#side", ContentSwitcher)
    charts = getters.query_one(ChartGrid)
    stage = getters.query_one("#stage", Static)
    notes = getters.query_one("#notes", Static)
    worker_log = getters.query_one("#worker-log", RichLog)

    pane: reactive[str] = reactive(CHARTS, init=False)

    def __init__(self) -> None:
        super().__init__(TrainingLog())
        self._laid: Reference | None = None  # by the person, in place of what lies there by itself
        self.run: Run | None = None  # of ours, on this machine
        self.remote: RemoteRun | None = None  # of ours, on another one
        self.link: RemoteLink | None = None
        self.source: WatchedSource | None = None
        self._output: bytes | None = None
        self._told: dict[Static, Content] = {}

    def compose(self) -> ComposeResult:
        """The lines on top, the table, and what is below."""
        with Horizontal(id="head"):
            yield Static(id="head-state")
            yield ProgressBar(show_percentage=True, show_eta=False, id="progress")
            yield Static(id="head-left")
        yield Static(id="link")
        yield Static(id="facts")
        with Horizontal(id="panes"):
            yield TrainingTable()
            yield ForeignTable()
            with ContentSwitcher(initial=CHARTS, id="side"):
                yield ChartGrid(id=CHARTS)
                yield OverviewPane(id="overview")
                yield ProbesPane(id="probes")
                yield MachinePane(id="machine")
        yield Static(id="stage")
        yield Static(id="notes")
        yield RichLog(id="worker-log", max_lines=2000, min_width=20, wrap=True, markup=False)

    def on_mount(self) -> None:
        """Begin without the training process's log."""
        self.worker_log.display = False
        self.link_line.display = False
        self.set_interval(OUTPUT_SECONDS, self._show_output)
        self.set_interval(LINK_SECONDS, self._show_link)

    def on_unmount(self) -> None:
        """Let the link to another machine go."""
        if self.link is not None:
            self.link.close()

    @property
    def ours(self) -> Run | RemoteRun | None:
        """The run of ours that is shown, wherever it is."""
        return self.run or self.remote

    def open(self, source: WatchedSource) -> None:
        """Show a run, or a training that is none of ours, from its first event on."""
        if self.link is not None:
            self.link.close()
        self.source, self._laid = source, None
        self.run = source if isinstance(source, Run) else None
        self.remote = source if isinstance(source, RemoteRun) else None
        self.link = source.link if isinstance(source, RemoteSource) else None
        self.link_line.display = self.link is not None
        self._output = None
        if self.ours is not None:
            for pane in self.panes.query_children(Pane):
                pane.open(self.ours)
        else:  # other panes tell of what runs of ours alone have
            self.pane = CHARTS
            self.remove_class("-pane")
            self.charts.open(source)
            self.worker_log.display = False
        self.set_class(self.ours is None, "-foreign")
        self.table.open(None)
        self.foreign_table.empty()
        self.worker_log.clear()
        self.follow(source)
        self._show_link()

    def can_do(self, control: Control) -> bool:
        """Whether the run that is shown is at work, and has what it might be asked for."""
        if self.job_log.status != "running" or self.job_log.started is None:
            return False
        return control != "evaluation" or self.job_log.can_evaluate

    def focus_table(self) -> None:
        """Put the focus on the table."""
        (self.foreign_table if self.ours is None else self.table).focus()

    def wanted(self, events: list[Event]) -> list[Event]:
        """All but what was logged, which may be a million: table and charts read it of the log."""
        return [event for event in events if not isinstance(event, TrainLogged)]

    def show_events(self, events: list[Event]) -> None:
        """Show what has come, and paint everything else from what is known."""
        if isinstance(self.job_log, ForeignLog):
            if events:
                self.foreign_table.show(self.job_log)
                self.charts.show(events, self.job_log)
            self.refresh_view()
            return
        if self.table.behind is None and (behind := self._behind()) is not None:
            self.table.open(behind)
        self.table.show(self.job_log)
        self.charts.behind = self.table.behind
        for pane in self.panes.query_children(Pane):
            pane.show(events, self.job_log)
        self._tell_elsewhere(events)
        self.refresh_view()

    def _tell_elsewhere(self, events: list[Event]) -> None:
        """Tell what comes to note while people look at another screen."""
        if self.ours is None or not self.is_live or self.app.screen is self.screen:
            return
        for event in events:
            if isinstance(event, Noted):
                title, words = printable(self.ours.id), printable(event.text)
                self.notify(words, title=title, severity=SEVERITIES[event.level], markup=False)

    def _behind(self) -> Behind | None:
        """What lies behind the run, once it is known what it trains."""
        reference = self._laid or reference_of(self.job_log.started)
        steps = self.job_log.total_steps
        return Behind(reference, steps) if reference is not None and steps else None

    def lay_behind(self, reference: Reference | None) -> None:
        """Lay ``reference`` behind the run, or what lies there by itself."""
        self._laid = reference
        self.table.open(self._behind())
        self.table.show(self.job_log)
        self.charts.behind = self.table.behind
        self.charts.draw()

    def action_open_folder(self) -> None:
        """Show the run's folder in the desktop's file manager."""
        if self.run is not None:
            show_folder(self.app, self.run.folder)

    def show_pane(self, name: str) -> None:
        """Show that pane, or what was there before it where it is shown already.

        Beside the table that is the charts; where there is no room for both, the table itself.
        """
        beside = self.screen.has_class("-spacious")
        leaves = self.pane == name and (beside or self.has_class("-pane"))
        self.pane = CHARTS if leaves else name
        # Charts beside the table are what is always there: in less room the table stays.
        self.set_class(not leaves and not (beside and name == CHARTS), "-pane")
        if leaves:
            self.focus_table()
        else:
            self.panes.get_child_by_id(name, Pane).take_focus()

    def on_training_table_moved(self, event: TrainingTable.Moved) -> None:
        """What the table's cursor stands on is looked at in the charts too."""
        self.charts.step = event.step

    def on_chart_grid_marked(self, event: ChartGrid.Marked) -> None:
        """What is looked at in a chart gets the table's cursor, and so all charts."""
        if event.step is None:
            self.table.action_follow()
        else:
            self.table.move_to_step(event.step, event.toward)

    def watch_pane(self, name: str) -> None:
        """Show the pane of that name."""
        self.panes.current = name

    def toggle_worker_log(self) -> None:
        """Show the training process's log, or hide it."""
        panel = self.worker_log
        # After a scroll Textual finds out anew where widgets are. Asked first once this one is
        # displayed, it would never tell it its size, without which RichLog writes nothing.
        _ = panel.region
        panel.display = not panel.display
        self._show_output()

    def _show_output(self) -> None:
        panel = self.worker_log
        if self.ours is None or not panel.display:
            return
        output = self.ours.output()
        if output == self._output:
            return
        self._output = output
        panel.clear()
        # A progress bar of a library's rewrites its line; only its last state is worth showing.
        text = output.decode("utf-8", "replace")
        lines = [line.rstrip().rpartition("\r")[2] for line in text.split("\n")]
        for line in lines:
            if line.strip():
                panel.write(Text(printable(line)))
        if not any(line.strip() for line in lines):
            started = self.job_log.started
            words = FOREIGN_OUTPUT if started is not None and started.foreign else NO_OUTPUT
            panel.write(Text(words, style="dim"))

    def _show_link(self) -> None:
        """Show how the link to the other machine stands."""
        if self.link is None:
            return
        style = LINK_STYLES.get(self.link.state.kind, "$text-muted")
        self._tell(self.link_line, Content.styled(self.link.words, style))

    def refresh_view(self) -> None:
        """Paint everything from what is known."""
        log, source = self.job_log, self.source
        if source is None:
            return
        style = "$error" if log.diverged else f"${TONES[log.status]}"
        # Until the first word comes nobody knows how a run on another machine stands.
        is_known = self.link is None or self.shows_all or log.begun is not None
        state = log.state if is_known else ""
        head = Content.assemble((printable(source.id), "bold"), "   ", (state, style))
        self._tell(self.state, head)
        total = log.total_steps
        self.bar.display = total is not None
        self.bar.update(total=total, progress=log.step)
        left = log.seconds_left()
        steps = f"step {count(log.step)} of {count(total)}" if total else ""
        if left is not None:
            steps += f"   {duration(left)} left"
        self._tell(self.left, Content(steps))
        self._tell(self.facts, self._facts(log))
        self._tell(self.stage, self._stage(log))
        self._tell(self.notes, self._notes(log))

    def _tell(self, line: Static, content: Content) -> None:
        # An update lays the screen out anew: it is saved where nothing changed.
        if self._told.get(line) != content:
            self._told[line] = content
            line.update(content)

    def _facts(self, log: TrainingLog) -> Content:
        if isinstance(log, ForeignLog):
            most = self.facts.size.width or 80
            shown = [clipped(results_words(each), most) for each in log.results[:MOST_RESULTS]]
            if others := len(log.results) - len(shown):
                shown.append(f"{count(others)} more are told by stplay watch PLACE --once")
            return Content("\n".join(shown))
        if log.started is None:
            return Content("")
        facts = [device_words(log.started), log.started.precision]
        if log.train is not None:
            facts.append(f"{count(log.train.samples_per_second)} samples/s")
            if log.train.tokens_per_second is not None or not log.started.foreign:
                facts.append(f"{count(log.train.tokens_per_second)} tokens/s")
            facts += [
                f"lr {log.train.learning_rate:.1e}",
                f"gradient norm {decimals(log.train.gradient_norm, 1)}",
            ]
        if log.system is not None:
            system = log.system
            if system.gpu_percent is not None:
                facts.append(f"GPU {system.gpu_percent:.0f} %")
            facts.append(memory_words(system))
        if log.checkpoint is not None:
            checkpoint = log.checkpoint
            word = "checkpoint" if checkpoint.kept == 1 else "checkpoints"
            facts.append(f"{checkpoint.kept} {word}, {size(checkpoint.disk_bytes)}")
        if words := engine_words(log.started.engine):
            facts.append(words)
        if words := started_epoch_words(log.started):
            facts.append(words)
        if log.started.synthetic:
            facts.append("synthetic data")
        return Content("\n".join(packed(facts, self.facts.size.width or 80)))

    def on_resize(self) -> None:
        """Break the lines anew."""
        self.refresh_view()

    def _stage(self, log: TrainingLog) -> Content:
        if not log.active:
            return Content("")
        if log.stage is None:
            return Content("" if self.run is None else "Starting the training process")
        if log.stage.stage == TRAINING_STAGE:
            return Content(asked_words(log.asked))
        words = stage_words(log.stage)
        words = words[:1].upper() + words[1:]
        return Content("   ".join(filter(None, [words, asked_words(log.asked)])))

    def _notes(self, log: TrainingLog) -> Content:
        lines = [Content.styled(f"! {printable(note.text)}", "$warning") for note in log.notes[-2:]]
        if log.damaged:
            word = "line" if log.damaged == 1 else "lines"
            lines.append(
                Content.styled(
                    f"! {log.damaged} damaged {word} of the event log left out", "$warning"
                )
            )
        if log.error:
            words = f"{SIGNS[log.status]} {printable(log.error)}"
            lines.append(Content.styled(words, f"${TONES[log.status]}"))
        return Content("\n").join(lines)
