"""What lies behind a run: the published card's training log, or another run."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from stplay.errors import UserError
from stplay.jobs.events import MetricsLogged, RunStarted
from stplay.runs.curves import Curve
from stplay.runs.run import Run
from stplay.runs.series import Point, SeriesLog
from stplay.sources.names import ALL_NLI

# What the columns of the card's training log are called among series.
_SERIES = {
    "training_loss": "train/loss",
    "eval_loss": "dev/loss",
    "all_nli_dev_max_accuracy": "dev/max_accuracy",
    "all_nli_test_max_accuracy": "test/max_accuracy",
}


class Difference(NamedTuple):
    """How far a value is from the reference's; not ``exact`` where that lies between two of its."""

    value: float
    exact: bool


@dataclass(frozen=True)
class Reference:
    """Another training's ``series``, of so many ``steps``, and what people call it."""

    name: str
    series: SeriesLog
    steps: int
    _points: dict[str, Curve] = field(default_factory=dict, init=False, compare=False, repr=False)

    def difference(self, series: str, value: float, share: float) -> Difference | None:
        """How far ``value``, at this ``share`` of a run, is from what the reference has there.

        What is measured at no such step is read from the line between the two beside it; nothing
        outside of its steps.
        """
        steps, values = self._measured(series)
        step = share * self.steps
        if not len(steps) or not steps[0] <= step <= steps[-1]:
            return None
        theirs = float(np.interp(step, steps, values))
        beside = np.searchsorted(steps, step)
        distance = np.abs(steps[max(0, beside - 1) : beside + 1] - step).min()
        return Difference(value - theirs, bool(distance < 1e-6 * self.steps))

    def _measured(self, series: str) -> Curve:
        """The steps and values that are finite; found once, as nothing is added to a reference."""
        if series not in self._points:
            points = list[Point]()
            if series in self.series:
                points = [point for point in self.series[series] if math.isfinite(point.value)]
            x = np.array([point.step for point in points], np.float64)
            self._points[series] = Curve(x, np.array([point.value for point in points], np.float64))
        return self._points[series]


@cache
def card() -> Reference:
    """The published card's training log."""
    path = resources.files("stplay.assets") / "card-training-log.csv"
    rows = [*csv.DictReader(io.StringIO(path.read_text(encoding="utf-8")))]
    series = SeriesLog()
    for row in rows:
        values: dict[str, float | None] = {
            name: float(row[column]) for column, name in _SERIES.items() if row[column]
        }
        series.apply(MetricsLogged(step=int(row["step"]), epoch=float(row["epoch"]), values=values))
    return Reference("card", series, series.step)


def run_reference(run: Run) -> Reference:
    """``run`` as far as it has come, at the shares of its whole length.

    Raises:
        UserError: it has measured nothing yet.
    """
    series = SeriesLog()
    run.fold_into(series)
    steps = run.read_log().total_steps or series.step
    if not steps or not series.names():
        raise UserError(f"The run {run.id} has measured nothing yet.")
    return Reference(run.id, series, steps)


def reference_of(started: RunStarted | None) -> Reference | None:
    """What lies behind a run that began so: the card, where it trains on the card's data."""
    data = started.recipe.get("data") if started is not None else None
    is_cards = isinstance(data, dict) and data.get("train") == data.get("dev") == ALL_NLI
    return card() if is_cards else None
