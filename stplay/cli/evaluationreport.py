"""An evaluation shown without the app: its progress, then the card's table."""

from __future__ import annotations

from itertools import combinations

from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from stplay.cli import output
from stplay.evaluations import reference
from stplay.evaluations.evaluation import Evaluation, EvaluationLog
from stplay.evaluations.results import METRICS, Accuracy, EvaluatedModel, EvaluatedSplit, Summary
from stplay.evaluations.significance import compare
from stplay.jobs.events import Event
from stplay.jobs.worklog import stage_words
from stplay.text import count, decimals, duration, printable, shortened

PLAIN_STAGE_SHARE = 0.25
MOST_COMPARED = 4
MOST_COLUMNS = 3
FIGURE_WIDTH = len("0.849 (0.825 to 0.870)")
MOST_NAME = 32


class EvaluationProgress:
    """Tells on the standard error how far an evaluation is, so that the output stays clean."""

    def __init__(self) -> None:
        console = output.console(beside=True)
        self._bar: Progress | None = None
        self._stage, self._share = "", 0.0
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(30),
                TextColumn("{task.fields[left]}", markup=False),
                console=console,
                transient=True,
            )
            self._task = self._bar.add_task("starting", total=None, left="")
            self._bar.start()

    def show(self, log: EvaluationLog, events: list[Event], lines: bytes) -> None:
        """Show where ``log`` stands."""
        stage = log.stage
        if stage is None:
            return
        left = log.seconds_left()
        words = f"{duration(left)} left" if left is not None else ""
        if self._bar is not None:
            self._bar.update(
                self._task,
                description=stage_words(stage),
                total=stage.total,
                completed=stage.done,
                left=words,
            )
            return
        share = stage.done / stage.total if stage.total else 0.0
        if stage.stage != self._stage or share >= self._share + PLAIN_STAGE_SHARE:
            self._stage, self._share = stage.stage, share
            output.remark(f"{stage_words(stage)}  {words}".rstrip())

    def say(self, sentence: str) -> None:
        """Tell the person, above the bar where there is one."""
        if self._bar is not None:
            self._bar.console.print(Text(sentence))
        else:
            output.remark(sentence)

    def close(self) -> None:
        """Leave nothing behind."""
        if self._bar is not None:
            self._bar.stop()


def report(evaluation: Evaluation, summary: Summary) -> RenderableType:
    """All that was found: a table for each split, and which models can be told apart."""
    parts: list[RenderableType] = []
    for split in summary.splits:
        parts += [split_table(summary, split), *comparisons(evaluation, summary, split), Text("")]
        if reference.published(split.data, split.split):
            parts.append(Text(reference.dot_note(), style="dim"))
    for model in summary.models:
        if model.error is not None:
            parts.append(Text(f"✗ {printable(model.error)}", style="red"))
    parts.append(Text(facts_line(evaluation, summary), style="dim"))
    return Group(*parts)


def split_table(summary: Summary, split: EvaluatedSplit) -> Table:
    """The accuracies on one split: a column for each model, or, for many of them, a row.

    The 95 % intervals stand beside all figures, or, in a row, as a margin beside the best.
    """
    shown = Table(box=None, padding=(0, 2), header_style="bold", title_justify="left")
    facts = f"{count(split.rows)} triplets{', synthetic' if split.synthetic else ''}"
    words = Text(f"{printable(split.label)} ({facts})")
    shown.add_column(words, overflow="fold", min_width=max(map(len, METRICS)))
    models = summary.rated()
    in_rows = len(models) > MOST_COLUMNS
    cuts = shortened([model.name for model in models], MOST_NAME if in_rows else FIGURE_WIDTH)
    precise = len(summary.precisions()) > 1
    names = [
        name + about_words(model, precise=precise) for model, name in zip(models, cuts, strict=True)
    ]
    every = [summary.result(model.name, split.split) for model in models]
    found = [result.accuracies if result else {} for result in every]
    published = reference.published(split.data, split.split)
    card_words = f"card ({count(reference.card().rows)} triplets)"
    if in_rows:
        shown.padding = (0, 1, 0, 1)
        for metric in METRICS:
            shown.add_column(metric.removesuffix("_accuracy"), justify="right", no_wrap=True)
        *others, last = METRICS
        for name, accuracies in zip(names, found, strict=True):
            values = (accuracies.get(metric) for metric in others)
            figures = (decimals(each and each.value, 3) for each in values)
            shown.add_row(Text(name), *figures, _margin(accuracies.get(last)))
        if published:
            shown.add_row(card_words, *(decimals(published[metric], 3) for metric in METRICS))
        return shown
    for name in names:
        shown.add_column(Text(name), justify="right", overflow="fold")
    if published:
        shown.add_column(card_words, justify="right")
    for metric in METRICS:
        cells = [_interval(accuracies.get(metric)) for accuracies in found]
        if published:
            cells.append(decimals(published[metric], 3))
        shown.add_row(metric, *cells, style="bold" if metric == METRICS[-1] else "")
    return shown


def _interval(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return "-"
    return f"{accuracy.value:.3f} ({accuracy.low:.3f} to {accuracy.high:.3f})"


def _margin(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return "-"
    wider = max(accuracy.value - accuracy.low, accuracy.high - accuracy.value)
    return f"{accuracy.value:.3f} ±{wider:.3f}".replace("±0.", "±.")


def comparisons(
    evaluation: Evaluation, summary: Summary, split: EvaluatedSplit, similarity: str = "cosine"
) -> list[Text]:
    """Which models can be told apart on ``split``, a sentence for each pair."""
    models = [model.name for model in summary.rated()]
    pairs = combinations(models, 2) if len(models) <= MOST_COMPARED else []
    lines = []
    for a, b in pairs:
        rights = [evaluation.scores(name, split.split).right(similarity) for name in (a, b)]
        words = compare(*rights).words(printable(a), printable(b))
        lines.append(Text(f"{words}, by {similarity}."))
    return lines


def about_words(model: EvaluatedModel, *, precise: bool = False) -> str:
    """What people should know of a model, after its name; its precision too where ``precise``."""
    about = ["untrained"] if model.untrained else []
    if precise and model.precision is not None:
        about.append(printable(model.precision))
    return f" ({', '.join(about)})" if about else ""


def facts_line(evaluation: Evaluation, summary: Summary) -> str:
    """Where the figures were taken, in one line."""
    sizes = {f"{model.dimensions} dimensions" for model in summary.rated()}
    parts = [evaluation.id, *sorted(sizes), summary.device]
    if len(summary.precisions()) == 1 or len(summary.models) == 1:
        parts.append(summary.precision)  # of several, each stands at its model
    return "   ".join([*map(printable, parts), duration(summary.seconds)])
