"""What lies behind a run: the training log of the published card, where it is the card's recipe."""

from __future__ import annotations

import csv
import io
import math
from functools import cache
from importlib import resources
from typing import NamedTuple

import numpy as np

from stplay.jobs.events import MetricsLogged, RunStarted
from stplay.runs.series import SeriesLog
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


class Reference(NamedTuple):
    """Another training's ``series``, of so many ``steps``, and what people call it."""

    name: str
    series: SeriesLog
    steps: int

    def difference(self, series: str, value: float, share: float) -> Difference | None:
        """How far ``value``, at this ``share`` of a run, is from what the reference has there.

        What is measured at no such step is read from the line between the two beside it; nothing
        outside of its steps.
        """
        points = [point for point in self.series[series] if math.isfinite(point.value)]
        step, steps = share * self.steps, [point.step for point in points]
        if not steps or not steps[0] <= step <= steps[-1]:
            return None
        theirs = float(np.interp(step, steps, [point.value for point in points]))
        return Difference(value - theirs, min(abs(step - at) for at in steps) < 1e-6 * self.steps)


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


def reference_of(started: RunStarted | None) -> Reference | None:
    """What lies behind a run that began so: the card, where it trains on the card's data."""
    data = started.recipe.get("data") if started is not None else None
    is_cards = isinstance(data, dict) and data.get("train") == data.get("dev") == ALL_NLI
    return card() if is_cards else None
