"""A training that stplay did not start, folded: rows of whatever it measured."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from stplay.jobs.events import Event, MetricsLogged, ResultsListed, StageProgressed
from stplay.runs.measurements import figure, is_training_loss, ordered
from stplay.runs.series import TRAINING_STAGE
from stplay.runs.traininglog import TrainingLog
from stplay.text import count, decimals, printable


@dataclass
class ForeignRow:
    """What was measured at one step."""

    segment: int
    step: int
    epoch: float | None
    values: dict[str, float | None]

    def takes(self, event: MetricsLogged) -> bool:
        """Whether ``event`` tells more of the same moment, and nothing that is told already."""
        if not self.values or not event.values or self.epoch is None or event.epoch is None:
            return False
        same_epoch = math.isclose(self.epoch, event.epoch, rel_tol=1e-2, abs_tol=1e-2)
        return same_epoch and self.values.keys().isdisjoint(event.values)


@dataclass
class ForeignLog(TrainingLog):
    """What is known of anybody's training; its columns are what it measured."""

    results: list[ResultsListed] = field(default_factory=list)
    _measured: dict[tuple[int, int], list[ForeignRow]] = field(default_factory=dict)
    _names: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    _total: int | None = None
    _newest_loss: float | None = 0.0

    @property
    def total_steps(self) -> int | None:
        """The number of steps of the whole training, where somebody told it."""
        return self._total

    @property
    def diverged(self) -> bool:
        """Whether the loss that was told last is not finite."""
        return self._newest_loss is None

    @property
    def told_anything(self) -> bool:
        """Whether it is known to be a training at all."""
        return bool(self._measured or self.results or self.stage or self._total)

    @property
    def row_count(self) -> int:
        """How many rows there are to show in a table."""
        return sum(map(len, self._measured.values()))

    @property
    def _several(self) -> bool:
        """Whether more trainings than one are told of."""
        return len({segment for segment, _ in self._measured}) > 1

    def columns(self) -> list[str]:
        """The names of what was measured, those first that people look at first."""
        return ordered(self._names)

    def measured(self) -> list[ForeignRow]:
        """All rows: those of one training after the other, each in the order of its steps."""
        return [row for key in sorted(self._measured) for row in self._measured[key]]

    def headings(self) -> Sequence[str]:
        """What stands above the columns."""
        training = ("Training",) if self._several else ()
        return (*training, "Epoch", "Step", *map(printable, self.columns()))

    def lines(self, most: int | None = None) -> list[tuple[str, ...]]:
        """The table as shown, its newest ``most`` rows."""
        names = self.columns()
        several = self._several
        return [
            (
                *((count(row.segment + 1),) if several else ()),
                decimals(row.epoch, 4),
                count(row.step),
                *(figure(row.values[name]) if name in row.values else "-" for name in names),
            )
            for row in self.measured()[0 if most is None else -most :]
        ]

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        super().apply(event)
        match event:
            case MetricsLogged():
                self._take(event)
                self._go_on()
            case ResultsListed():
                self.results.append(event)
            case StageProgressed(stage=stage) if stage == TRAINING_STAGE:
                self._total = event.total
                self._go_on()
                if self.status in ("completed", "failed", "stopped") and event.done != event.total:
                    self.status, self.finished = "running", None  # another training after that one

    def _go_on(self) -> None:
        if self.status == "starting":
            self.status = "running"

    def _take(self, event: MetricsLogged) -> None:
        self._names |= dict.fromkeys(event.values)
        rows = self._measured.setdefault((event.segment, event.step), [])
        row = next((row for row in rows if row.takes(event)), None)
        if row is None:
            rows.append(ForeignRow(event.segment, event.step, event.epoch, dict(event.values)))
        else:
            row.values |= event.values
        for name, value in event.values.items():
            if is_training_loss(name):
                self._newest_loss = value


def results_words(listed: ResultsListed) -> str:
    """What a card lists of a finished model, on one line."""
    of = " on ".join(filter(None, (printable(listed.evaluator), printable(listed.data))))
    figures = (f"{printable(name)} {figure(value)}" for name, value in listed.values.items())
    return f"{of or 'the model'}: {'  '.join(figures)}"
