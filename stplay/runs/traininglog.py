"""Events folded into what people read: table rows, status, progress, time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import cast

from stplay.jobs.events import (
    Engine,
    Epoch,
    Evaluated,
    Event,
    MetricsLogged,
    Replaced,
    RunResumed,
    RunStarted,
    TrainLogged,
)
from stplay.runs.series import SeriesLog
from stplay.runs.trainingprogress import TrainingProgress
from stplay.runs.trainingrows import TrainingRow, TrainingRows
from stplay.sources.datasources import rows_word
from stplay.text import count, decimals, printable

HEADINGS = ("Epoch", "Step", "Training Loss", "loss", "dev max", "test max")
MOST_LEFT_OUT = 0.05  # of the rows in an epoch, without a warning


def engine_words(engine: Engine | None) -> str:
    """How the steps of a run are computed, as people read it; nothing where nobody told."""
    if engine is None:
        return ""
    if engine.name == "stock":
        return "the library's own path"
    words = f"gradient caching by {count(engine.most_tokens)} tokens"
    if engine.most_tokens and engine.largest_batch_tokens and engine.batch_tokens:
        if engine.largest_batch_tokens <= engine.most_tokens:
            words = "one forward a step"
        elif engine.batch_tokens <= engine.most_tokens:
            words = "mostly one forward a step"
    if engine.vocabulary_rows is not None:
        words += f", {count(engine.vocabulary_rows)} rows of the vocabulary"
    return words


def device_words(started: RunStarted) -> str:
    """What a run is computed on, as people read it, and in how many processes."""
    if started.processes == 1:
        return printable(started.device)
    machines = f" on {count(started.machines)} machines" if started.machines > 1 else ""
    return f"{count(started.processes)} processes{machines}, {printable(started.device)}"


def split_word(started: RunStarted, split: str) -> str:
    """What the rows of a split are called; of another program's nobody tells what is in them."""
    return "rows" if started.foreign else rows_word(started.negatives.get(split, 1))


def metrics_words(event: MetricsLogged) -> str:
    """What was measured, by the names that it has there."""
    figures = event.values.items()
    return "  ".join(f"{printable(name)} {decimals(value, 4)}" for name, value in figures)


def epoch_words(epoch: Epoch | None, rows: int | None, negatives: int = 1) -> str:
    """What an epoch takes of ``rows``, each of so many ``negatives``.

    Nothing where it takes all, or nobody told.
    """
    if epoch is None or not rows or epoch.rows >= rows:
        return ""
    about = "" if epoch.exact else "about "
    mean = decimals(epoch.rows / max(1, epoch.batches), 1)
    return (
        f"an epoch sees {about}{count(epoch.rows)} of {count(rows)} {rows_word(negatives)}, "
        f"{about}{mean} a batch instead of {count(epoch.batch_size)}"
    )


def started_epoch_words(started: RunStarted) -> str:
    """What an epoch of a run takes of its triplets; nothing where it takes all."""
    return epoch_words(started.epoch, started.rows.get("train"), started.negatives.get("train", 1))


def epoch_warning(epoch: Epoch, rows: int, negatives: int = 1) -> str:
    """What to be told of an epoch that leaves out much; nothing where it does not."""
    if epoch.rows >= (1 - MOST_LEFT_OUT) * rows:
        return ""
    words, shape = epoch_words(epoch, rows, negatives), rows_word(negatives)
    return (
        f"{words[0].upper()}{words[1:]}, as no_duplicates keeps {shape} that share a sentence out "
        "of one batch; a smaller training.per_device_train_batch_size reaches more of them, "
        "training.batch_sampler = batch_sampler all."
    )


@dataclass
class TrainingLog(TrainingProgress):
    """What is known of a run from its events, and from nothing else."""

    series: SeriesLog = field(default_factory=SeriesLog)
    evaluations: dict[tuple[str, int], Evaluated] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """The rows are a view of what is kept already."""
        self.rows = TrainingRows(self.series.track("train"), self.evaluations)

    def table(self) -> list[TrainingRow]:
        """The rows in the order of their steps."""
        return [*self.rows.values()]

    def fold(self, events: Sequence[Event]) -> None:
        """Fold ``events`` in; what is logged many times in a row, all at once."""
        for kind, group in groupby(events, type):
            if kind is TrainLogged:
                self._log_training(cast("list[TrainLogged]", [*group]))
            else:
                for event in group:
                    self.apply(event)

    @property
    def row_count(self) -> int:
        """How many rows there are to show in a table."""
        return len(self.rows)

    def headings(self) -> Sequence[str]:
        """What stands above the columns: the card's, or what another program measured."""
        names = self.rows.names
        return (*HEADINGS[:3], *map(printable, names)) if names else HEADINGS

    def lines(self, most: int | None = None) -> list[tuple[str, ...]]:
        """The table as shown, its newest ``most`` rows."""
        first = 0 if most is None else max(0, len(self.rows) - most)
        rows = self.rows
        return [rows.at(place).cells(rows.names) for place in range(first, len(rows))]

    def _log_training(self, events: Sequence[TrainLogged]) -> None:
        self._hear()
        self.series.fold(events)
        self.rows.log([event.step for event in events])
        self._log(events[-1])

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        if isinstance(event, TrainLogged):
            self._log_training([event])
            return
        super().apply(event)
        if not isinstance(event, Replaced):  # of another log there is nothing yet
            self.series.apply(event)
        match event:
            case Evaluated():
                self.evaluations[event.split, event.step] = event
                self.rows.evaluate(event.step)
            case MetricsLogged() if self.started is not None:
                self.rows.measure(event)
            case RunResumed():
                self.rows.drop_after(event.step)
                for key in [key for key in self.evaluations if key[1] > event.step]:
                    del self.evaluations[key]


def ending_words(run: str, log: TrainingLog) -> str:
    """How a run has ended: ``sample-7 ✓ finished, dev 0.849``."""
    words, accuracy = f"{printable(run)} {log.state}", "dev/max_accuracy"
    if log.error:
        return f"{words}: {printable(log.error)}"
    if accuracy not in log.series:
        return words
    return f"{words}, dev {decimals(log.series[accuracy].last, 3)}"
