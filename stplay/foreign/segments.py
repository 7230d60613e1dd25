"""Rows of other people's tables, in order: where another training begins, and rows without a step.

A step is unique within a segment. Evaluations outside of the training's own are told with step -1,
or 0, in the middle of a table or at its end: they belong to the step before them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stplay.jobs.events import MetricsLogged


class MeasuredRow(NamedTuple):
    """What was measured at one step; a value is absent where it is not finite."""

    step: int
    epoch: float | None
    values: dict[str, float | None]


class Segments:
    """Numbers the trainings that one table holds, row by row."""

    def __init__(self) -> None:
        self.number = 0
        self.step = -2  # before any
        self.epoch: float | None = None
        self._names: set[str] = set()

    def segment(self, row: MeasuredRow) -> int:
        """The number of the training that ``row`` belongs to."""
        if not self.goes_on(row):
            self.number += 1
            self._names = set()
        elif row.step > self.step:
            self._names = set()
        self.step, self.epoch = row.step, row.epoch
        self._names |= row.values.keys()
        return self.number

    def goes_on(self, row: MeasuredRow) -> bool:
        """Whether ``row`` is of the same training as the row before."""
        return row.step > self.step or (row.step == self.step and not self._repeats(row))

    def _repeats(self, row: MeasuredRow) -> bool:
        if row.step <= 0 and None not in (self.epoch, row.epoch) and self.epoch != row.epoch:
            return (row.epoch or 0.0) < (self.epoch or 0.0)  # no steps are told, only epochs
        return not self._names.isdisjoint(row.values)


class Placed(NamedTuple):
    """The events of a whole table, of which so many were ``moved`` to the step before them."""

    events: list[MetricsLogged]
    moved: int


def placed(rows: Sequence[MeasuredRow], time: float) -> Placed:
    """The events of ``rows``, which were written at ``time``."""
    segments, events, moved = Segments(), [], 0
    for row, following in zip(rows, _following(rows), strict=True):
        last, values = segments.step, row.values
        if row.step <= 0 < last and _belongs_before(row, segments, following):
            moved += 1
            epoch = row.epoch if row.epoch == segments.epoch else None
            event = MetricsLogged(
                time=time, step=last, epoch=epoch, values=values, segment=segments.number
            )
        else:
            segment = segments.segment(row)
            event = MetricsLogged(
                time=time, step=row.step, epoch=row.epoch, values=values, segment=segment
            )
        events.append(event)
    return Placed(events, moved)


def _belongs_before(row: MeasuredRow, segments: Segments, following: MeasuredRow | None) -> bool:
    """Whether the training of before goes on after ``row``, so that no other begins with it."""
    same_epoch = row.epoch is not None and row.epoch == segments.epoch
    return same_epoch or following is None or segments.goes_on(following)


def _following(rows: Sequence[MeasuredRow]) -> Iterable[MeasuredRow | None]:
    """Of each row, the first one after it that tells a step above 0."""
    found: list[MeasuredRow | None] = []
    following: MeasuredRow | None = None
    for row in reversed(rows):
        found.append(following)
        following = row if row.step > 0 else following
    return reversed(found)


def moved_words(moved: int) -> str:
    """That rows are shown at other steps than they tell."""
    subject = "A row tells" if moved == 1 else f"{moved:,} rows tell"
    return (
        f"{subject} step 0 or -1 after later steps, as evaluations outside of the training's own "
        "do; shown at the step before."
    )
