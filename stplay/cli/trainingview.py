"""A run shown without the app: a live table on a terminal, plain lines elsewhere, or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from stplay.cli import output
from stplay.cli.console import SafeConsole
from stplay.foreign.foreignlog import ForeignLog, results_words
from stplay.jobs.events import (
    CheckpointSaved,
    ControlAnswered,
    ControlAsked,
    Damaged,
    Evaluated,
    Event,
    MetricsLogged,
    Noted,
    PackingShrunk,
    Replaced,
    ResultsListed,
    RunFinished,
    RunResumed,
    RunStarted,
    StageProgressed,
    TrainLogged,
    WorkerStarted,
)
from stplay.jobs.follower import JobView
from stplay.jobs.worklog import CONTROLS, REPLACED, asked_words, memory_words, stage_words
from stplay.remote.watching import WatchedSource
from stplay.runs.measurements import figure
from stplay.runs.run import Run
from stplay.runs.series import TRAINING_STAGE
from stplay.runs.traininglog import (
    TrainingLog,
    device_words,
    ending_words,
    engine_words,
    metrics_words,
    split_word,
    started_epoch_words,
)
from stplay.runs.trainingprogress import shrunk_words
from stplay.text import count, decimals, duration, printable, size

PLAIN_STAGE_SHARE = 0.25
PLAIN_SILENCE_SECONDS = 10.0
PLAIN_WIDTH = 80
CELLS_BETWEEN = 2  # on each side of a column


def view_for(run: WatchedSource, as_json: bool) -> JobView[TrainingLog]:
    """The view that fits where the output goes."""
    if as_json:
        return JsonView()
    console = output.console()
    if console.is_terminal:
        return TerminalView(run.id, console)
    words = f"run {run.id} in {run.folder}" if isinstance(run, Run) else run.title
    output.say(words)
    return PlainView()


def table(log: TrainingLog, most_rows: int | None = None, width: int | None = None) -> Table:
    """The training log, the newest ``most_rows`` rows, and the columns that fit into ``width``.

    Whose run is none of ours can have any columns; those that are left out are named below.
    """
    headings, shown_rows = log.headings(), log.lines(most_rows)
    fitting = _fitting(headings, shown_rows, width)
    shown = Table(box=None, padding=(0, CELLS_BETWEEN), header_style="bold")
    for heading in headings[:fitting]:
        shown.add_column(Text(heading), justify="right", no_wrap=True)
    if len(shown_rows) < log.row_count:
        shown.add_row(*("…" for _ in headings[:fitting]), style="dim")
    for row in shown_rows:
        shown.add_row(*row[:fitting])
    if others := headings[fitting:]:
        shown.caption = Text(f"{count(len(others))} more columns: {', '.join(others)}", "dim")
        shown.caption_justify = "left"
    return shown


def _widths(headings: Sequence[str], rows: list[tuple[str, ...]]) -> list[int]:
    """How many cells each column takes, with what parts it from the next."""
    columns = zip(headings, *rows, strict=True)
    return [2 * CELLS_BETWEEN + max(map(cell_len, column)) for column in columns]


def _fitting(headings: Sequence[str], rows: list[tuple[str, ...]], width: int | None) -> int:
    """How many columns fit, from the first on."""
    if width is None:
        return len(headings)
    ends = accumulate(_widths(headings, rows))
    return max(1, sum(end <= width for end in ends))


def results_table(log: ForeignLog) -> Table:
    """What a model card says of the finished model, a column for each of its evaluations."""
    shown = Table(box=None, padding=(0, CELLS_BETWEEN), header_style="bold")
    shown.add_column("Metric", no_wrap=True)
    for listed in log.results:
        words = filter(None, (printable(listed.data), printable(listed.evaluator)))
        shown.add_column(Text("\n".join(words) or "Value"), justify="right")
    for name in dict.fromkeys(name for listed in log.results for name in listed.values):
        cells = (
            figure(listed.values[name]) if name in listed.values else "-" for listed in log.results
        )
        shown.add_row(Text(printable(name)), *cells)
    return shown


def show_once(name: str, log: TrainingLog) -> None:
    """Print the whole picture of a run, and nothing that moves."""
    width = output.console().width if output.on_terminal() else None
    pipe_width = max(PLAIN_WIDTH, sum(_widths(log.headings(), log.lines())))
    output.show(picture(name, log, width=width), pipe_width)


class JsonView:
    """The events as they stand in the log."""

    def show(self, log: TrainingLog, events: list[Event], lines: bytes) -> None:
        """Write the lines."""
        if lines:
            output.Data("json").write(lines)
            output.flush()

    def say(self, sentence: str) -> None:
        """Tell the person, off the standard output."""
        output.remark(sentence)

    def close(self) -> None:
        """Nothing to leave."""


class PlainView:
    """One line an event, for pipes and files, and the table at the end."""

    def __init__(self) -> None:
        self._log = TrainingLog()
        self._stage = ""
        self._share = 0.0
        self._printed = 0.0
        self._lost = False

    def show(self, log: TrainingLog, events: list[Event], lines: bytes) -> None:
        """Print a line for each event that people want to know."""
        self._log = log
        if self._lost != (log.status == "lost"):
            self._lost = not self._lost
            output.say((log.error or "") if self._lost else "heard of again")
        for event in events:
            line = self._line(event)
            if line is not None:
                self._printed = event.time
                output.say(line)

    def say(self, sentence: str) -> None:
        """Tell the person, off the standard output."""
        output.remark(sentence)

    def close(self) -> None:
        """Leave the whole table."""
        if self._log.row_count:
            widths = _widths(self._log.headings(), self._log.lines())
            output.show(table(self._log), max(PLAIN_WIDTH, sum(widths)))
        if isinstance(self._log, ForeignLog) and self._log.results:
            output.show(results_table(self._log))

    def _line(self, event: Event) -> str | None:
        match event:
            case StageProgressed():
                return self._stage_line(event)
            case WorkerStarted():
                return f"process {event.pid} on {printable(event.host)}"
            case RunStarted():
                data = "synthetic data, " if event.synthetic else ""
                engine = f", {words}" if (words := engine_words(event.engine)) else ""
                epoch = f", {words}" if (words := started_epoch_words(event)) else ""
                word = split_word(event, "train")
                return (
                    f"started: {device_words(event)}, {printable(event.precision)}, {data}"
                    f"{count(event.rows.get('train'))} {word}, {count(event.total_steps)} steps"
                    f"{epoch}{engine}"
                )
            case TrainLogged():
                return (
                    f"step {count(event.step)}  epoch {decimals(event.epoch, 3)}  "
                    f"training loss {decimals(event.loss, 4)}  "
                    f"{count(event.samples_per_second)} samples/s"
                )
            case Evaluated():
                return (
                    f"step {count(event.step)}  {printable(event.data)}  "
                    f"loss {decimals(event.loss, 4)}  "
                    f"cosine {decimals(event.cosine_accuracy, 3)}  "
                    f"max accuracy {decimals(event.max_accuracy, 3)}"
                )
            case ResultsListed():
                return results_words(event)
            case MetricsLogged():
                return f"step {count(event.step)}  {metrics_words(event)}"
            case CheckpointSaved():
                return (
                    f"step {count(event.step)}  checkpoint saved; {event.kept} kept, "
                    f"{size(event.disk_bytes)} on disk"
                )
            case Damaged():
                return "warning: a damaged line of the event log is left out"
            case Replaced():
                return f"warning: {REPLACED}"
            case Noted():
                return f"{event.level}: {printable(event.text)}"
            case PackingShrunk():
                return f"warning: {shrunk_words(event)}"
            case ControlAsked():
                return f"{printable(event.by)} asked for {CONTROLS[event.control]}"
            case ControlAnswered(refusal=str(refusal)):
                return f"warning: {printable(refusal)}"
            case RunResumed():
                return f"resumed after step {count(event.step)}"
            case RunFinished():
                diverged = ", diverged" if self._log.diverged else ""
                error = f": {printable(event.error)}" if event.error else ""
                return f"{event.outcome}{diverged}{error}"
        return None

    def _stage_line(self, event: StageProgressed) -> str | None:
        if event.stage == TRAINING_STAGE:
            return None
        # Once rows come, they tell that the work goes on; only a long silence is worth a line.
        if self._log.row_count and event.time - self._printed < PLAIN_SILENCE_SECONDS:
            return None
        share = event.done / event.total if event.total else 0.0
        if event.stage == self._stage and share < self._share + PLAIN_STAGE_SHARE:
            return None
        self._stage, self._share = event.stage, share
        return stage_words(event)


class TerminalView:
    """A table that grows, with progress and the time left below it."""

    def __init__(self, run_id: str, console: SafeConsole) -> None:
        self.run_id = run_id
        self.console = console
        self.live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
        self.live.start()
        self._log = TrainingLog()
        self._status = self._log.status
        self._said = ""

    def show(self, log: TrainingLog, events: list[Event], lines: bytes) -> None:
        """Paint the picture anew where something came."""
        self._log = log
        if events or log.status != self._status:
            self._status = log.status
            self._paint()

    def _paint(self) -> None:
        room = max(3, self.console.height - 8)
        self.live.update(self._picture(room), refresh=True)

    def _picture(self, room: int | None) -> RenderableType:
        width = self.console.width
        return picture(self.run_id, self._log, width=width, most_rows=room, said=self._said)

    def say(self, sentence: str) -> None:
        """Tell the person below the table."""
        self._said = sentence
        self._paint()

    def close(self) -> None:
        """Leave the whole table standing."""
        self.live.update(Text(""), refresh=True)
        self.live.stop()
        self.console.print(self._picture(None))
        if not self._log.active:
            output.notify(ending_words(self.run_id, self._log))


def picture(
    name: str,
    log: TrainingLog,
    *,
    width: int | None,
    most_rows: int | None = None,
    said: str = "",
) -> RenderableType:
    """The run ``name`` as people see it, in ``width`` cells where those are counted."""
    parts: list[RenderableType] = [_head(name, log)]
    if log.started:
        parts.append(Text("   ".join(_facts(log, log.started)), style="dim"))
    if log.row_count:
        parts += [Text(""), table(log, most_rows, width)]
    if isinstance(log, ForeignLog) and log.results and most_rows is None:
        parts += [Text(""), results_table(log)]
    if log.stage and log.stage.stage != TRAINING_STAGE and log.active:
        parts.append(Text(stage_words(log.stage), style="dim"))
    if words := asked_words(log.asked):
        parts.append(Text(words, style="dim"))
    for noted in log.notes[-2:]:
        parts.append(Text(f"{noted.level}: {printable(noted.text)}", style="yellow"))
    if log.damaged:
        damaged = f"warning: {count(log.damaged)} damaged in the event log, left out"
        parts.append(Text(damaged, style="yellow"))
    if log.status == "lost":
        parts.append(Text(printable(log.error or ""), style="yellow"))
    if isinstance(log, ForeignLog) and log.error and not log.active:
        parts.append(Text(printable(log.error), style="red"))
    if said and log.active:
        parts.append(Text(said))
    return Group(*parts)


def _facts(log: TrainingLog, started: RunStarted) -> list[str]:
    facts = [device_words(started), printable(started.precision)]
    if log.train and log.train.samples_per_second:
        facts.append(f"{count(log.train.samples_per_second)} samples/s")
    if log.system:
        facts.append(memory_words(log.system))
    if words := engine_words(started.engine):
        facts.append(words)
    if words := started_epoch_words(started):
        facts.append(words)
    if started.synthetic:
        facts.append("synthetic data")
    return facts


def _head(name: str, log: TrainingLog) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    cells: list[RenderableType] = [Text(printable(name), style="bold"), Text(log.state)]
    if log.total_steps:
        cells.append(Text(f"step {count(log.step)} of {count(log.total_steps)}"))
        cells.append(ProgressBar(total=log.total_steps, completed=log.step, width=30))
        left = log.seconds_left()
        if left is not None and log.active:
            cells.append(Text(f"{duration(left)} left"))
    grid.add_row(*cells)
    return grid
