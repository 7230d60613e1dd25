"""An evaluation shown without the app: its progress, then the card's table."""

from __future__ import annotations

from itertools import combinations

from rich.console import Group, RenderableType
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from stplay import card, output
from stplay.evaluations import Evaluation, EvaluationLog
from stplay.results import METRICS, EvaluatedModel, EvaluatedSplit, Summary
from stplay.significance import compare
from stplay.text import count, decimals, duration, printable
from stplay.worklog import stage_words

PLAIN_STAGE_SHARE = 0.25
MOST_COMPARED = 4


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

    def show(self, log: EvaluationLog) -> None:
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

    def close(self) -> None:
        """Leave nothing behind."""
        if self._bar is not None:
            self._bar.stop()


def report(evaluation: Evaluation, summary: Summary) -> RenderableType:
    """All that was found: a table for each split, and which models can be told apart."""
    parts: list[RenderableType] = []
    for split in summary.splits:
        parts += [split_table(summary, split), *comparisons(evaluation, summary, split), Text("")]
        if card.published(split.data, split.split):
            parts.append(Text(card.DOT_NOTE, style="dim"))
    for model in summary.models:
        if model.error is not None:
            parts.append(Text(f"✗ {printable(model.error)}", style="red"))
    parts.append(Text(facts_line(evaluation, summary), style="dim"))
    return Group(*parts)


def split_table(summary: Summary, split: EvaluatedSplit) -> Table:
    """The accuracies on one split, a column for each model, with their 95 % intervals."""
    shown = Table(box=None, padding=(0, 2), header_style="bold", title_justify="left")
    rows = f"{count(split.rows)} rows{', synthetic' if split.synthetic else ''}"
    shown.add_column(Text(f"{printable(split.label)} ({rows})"))
    models = summary.rated()
    for model in models:
        words = model_words(model)
        if len(summary.precisions()) > 1:  # of all alike, it stands in the last line
            words += f"\n{printable(model.precision or '')}"
        shown.add_column(Text(words), justify="right")
    published = card.published(split.data, split.split)
    if published:
        shown.add_column(Text(f"card ({count(card.card().rows)} rows)"), justify="right")
    for metric in METRICS:
        cells = []
        for model in models:
            result = summary.result(model.name, split.split)
            found = result.accuracies[metric] if result else None
            interval = f" ({found.low:.3f} to {found.high:.3f})" if found else ""
            cells.append(decimals(found.value if found else None, 3) + interval)
        if published:
            cells.append(decimals(published[metric], 3))
        shown.add_row(Text(metric), *cells, style="bold" if metric == METRICS[-1] else "")
    return shown


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


def model_words(model: EvaluatedModel) -> str:
    """A model's name, and what people should know of it."""
    return printable(model.name) + (" (untrained)" if model.untrained else "")


def facts_line(evaluation: Evaluation, summary: Summary) -> str:
    """Where the figures were taken, in one line."""
    sizes = {f"{model.dimensions} dimensions" for model in summary.rated()}
    parts = [evaluation.id, *sorted(sizes), summary.device]
    if len(summary.precisions()) == 1 or len(summary.models) == 1:
        parts.append(summary.precision)  # of several, each stands at its model
    return "   ".join([*map(printable, parts), duration(summary.seconds)])
