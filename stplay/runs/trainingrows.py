"""The rows of the training log: what was logged and evaluated at each step, the card's table."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import lt

from msgspec.structs import replace

from stplay.jobs.events import Evaluated, MetricsLogged
from stplay.runs.measurements import figure, ordered
from stplay.runs.series import Track
from stplay.text import count, decimals

NOWHERE = -1  # in the track: nothing was logged at that step


@dataclass
class TrainingRow:
    """One line of the training log, the card's table; ``measured`` is what another program did."""

    step: int
    epoch: float
    training_loss: float | None = None
    loss: float | None = None
    dev_max_accuracy: float | None = None
    test_max_accuracy: float | None = None
    measured: dict[str, float | None] = field(default_factory=dict)

    def cells(self, names: Sequence[str] = ()) -> tuple[str, ...]:
        """The row as shown, in the order of the card's columns, or with another program's."""
        first = decimals(self.epoch, 3), count(self.step), decimals(self.training_loss, 4)
        if names:
            measured = self.measured
            return (*first, *(figure(measured[at]) if at in measured else "-" for at in names))
        return (
            *first,
            decimals(self.loss, 4),
            decimals(self.dev_max_accuracy, 3),
            decimals(self.test_max_accuracy, 3),
        )


class TrainingRows(Mapping[int, TrainingRow]):
    """The row of each step, in their order; made of what is kept elsewhere when it is looked at.

    A million of them take no more than their steps, and their places in the ``track`` of what was
    logged.
    """

    def __init__(self, track: Track, evaluations: Mapping[tuple[str, int], Evaluated]) -> None:
        self._track, self._evaluations = track, evaluations
        self._steps = array("q")
        self._places = array("i")
        self._measured: dict[int, MetricsLogged] = {}
        self.names: list[str] = []  # of the columns that another program measured

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[int]:
        return iter(self._steps)

    def __getitem__(self, step: int) -> TrainingRow:
        at = self.place(step)
        if self._steps[at : at + 1] != array("q", [step]):
            raise KeyError(step)
        return self.at(at)

    def place(self, step: int) -> int:
        """Where the row of ``step`` is, or where it would be."""
        return bisect_left(self._steps, step)

    def at(self, place: int) -> TrainingRow:
        """The row that so many others are before."""
        step, logged = self._steps[place], self._places[place]
        row = TrainingRow(step, 0.0)
        if dev := self._evaluations.get(("dev", step)):
            row.epoch, row.loss, row.dev_max_accuracy = dev.epoch, dev.loss, dev.max_accuracy
        if test := self._evaluations.get(("test", step)):
            row.epoch, row.test_max_accuracy = test.epoch, test.max_accuracy
        if measured := self._measured.get(step):
            row.epoch, row.measured = measured.epoch or 0.0, measured.values
        if logged != NOWHERE:
            row.epoch = self._track.epochs[logged]
            loss = self._track.figures["train/loss"][logged]
            row.training_loss = loss if math.isfinite(loss) else None
        return row

    def log(self, steps: Sequence[int]) -> None:
        """Take in ``steps``, which were the last to come to the track."""
        first = len(self._track) - len(steps)
        after = not self._steps or self._steps[-1] < steps[0]
        if after and all(map(lt, steps, steps[1:])):
            self._steps.extend(steps)
            self._places.extend(range(first, len(self._track)))
            return
        for place, step in enumerate(steps, first):
            self._places[self._row(step)] = place

    def evaluate(self, step: int) -> None:
        """Take in a step at which there was an evaluation."""
        self._row(step)

    def measure(self, event: MetricsLogged) -> None:
        """Take in what another program measured; of what it tells twice at a step, the newest."""
        self._row(event.step)
        before = self._measured.get(event.step)
        values = {**before.values, **event.values} if before else event.values
        self._measured[event.step] = replace(event, values=values)
        if not event.values.keys() <= set(self.names):
            self.names = ordered(dict.fromkeys([*self.names, *event.values]))

    def _row(self, step: int) -> int:
        at = self.place(step)
        if at == len(self._steps) or self._steps[at] != step:
            self._steps.insert(at, step)
            self._places.insert(at, NOWHERE)
        return at

    def drop_after(self, step: int) -> None:
        """Forget the rows of later steps, as the track has."""
        keep, logged = bisect_right(self._steps, step), len(self._track)
        del self._steps[keep:], self._places[keep:]
        self._measured = {at: each for at, each in self._measured.items() if at <= step}
        if self._places and max(self._places) >= logged:  # they came in no order
            places = (place if place < logged else NOWHERE for place in self._places)
            self._places = array("i", places)
