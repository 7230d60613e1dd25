"""Series as curves: what is joined, what is not, and what is left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from stplay.jobs.events import MetricsLogged, RunResumed, TrainLogged
from stplay.runs.axis import Across, Axis
from stplay.runs.curves import OF_A_COLUMN, Curves, View
from stplay.runs.series import SeriesLog
from stplay.runs.smoothing import Smoothing


def log_of(values: list[float | None], segments: list[int] | None = None) -> SeriesLog:
    """A value of ``a`` for each ten steps; ``None`` is not finite, nan was not measured."""
    log = SeriesLog()
    for number, value in enumerate(values):
        figures = {} if value is not None and math.isnan(value) else {"a": value}
        log.apply(
            MetricsLogged(
                time=1000.0 + number,
                step=10 * number,
                epoch=number / 2,
                values={"b": 0.0, **figures},
                segment=segments[number] if segments else 0,
            )
        )
    return log


def curves(log: SeriesLog, across: Across = "step", **how: Any) -> Curves:
    return Curves(log["a"], Axis(log, across), **how)


def drawn(log: SeriesLog, across: Across = "step") -> list[list[tuple[float, float]]]:
    found = curves(log, across).within(View(0, 1000, 80))
    return [list(zip(curve.x.tolist(), curve.y.tolist(), strict=True)) for curve in found]


def test_what_is_not_finite_is_a_gap_and_what_was_not_measured_is_none() -> None:
    found = drawn(log_of([1.0, math.nan, 2.0, None, None, 3.0, None]))
    assert found == [[(0, 1), (20, 2)], [(50, 3)]]


def test_another_training_begins_another_curve() -> None:
    found = drawn(log_of([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]))
    assert found == [[(0, 1), (10, 2)], [(20, 3), (30, 4)]]


def test_epochs_and_seconds() -> None:
    of = log_of([1.0, 2.0, 3.0])
    assert drawn(of, "epoch") == [[(0, 1), (0.5, 2), (1.0, 3)]]
    assert drawn(of, "time") == [[(0, 1), (1, 2), (2, 3)]]


def test_nothing_measured_is_no_curve() -> None:
    assert drawn(log_of([math.nan, 1.0])) == [[(10, 1)]]
    assert drawn(log_of([None])) == []


@pytest.mark.parametrize("points", [10_000, 100_000])
def test_however_many_points_no_more_are_drawn_than_columns_show(points: int) -> None:
    values = np.sin(np.arange(points) / 500).tolist()
    values[points // 3], values[points // 2] = 50.0, -50.0
    (curve,) = curves(log_of(values)).within(View(0, 10 * points, 60))
    assert len(curve.x) <= OF_A_COLUMN * 61
    assert (np.diff(curve.x) >= 0).all()
    assert (curve.y.max(), curve.y.min()) == (50, -50), "extremes are kept"
    assert (curve.y[0], curve.y[-1]) == (values[0], values[-1])
    assert abs(curve.x[curve.y.argmax()] - 10 * (points // 3)) <= 10 * points / 60


def test_smoothing_is_corrected_for_its_start() -> None:
    values = np.array([2.0, 4.0, 8.0])
    mean, expected = 0.0, []
    for number, value in enumerate(values, 1):
        mean = 0.9 * mean + 0.1 * value
        expected.append(mean / (1 - 0.9**number))
    assert Smoothing(0.9).of(values) == pytest.approx(expected)
    assert Smoothing(0.9).of(values)[0] == 2.0
    assert Smoothing(0.99).of(np.full(500, 3.0)) == pytest.approx(np.full(500, 3.0))
    assert Smoothing(0.0).of(values) is values


@pytest.mark.parametrize("smoothing", [0.0, 0.99])
@pytest.mark.parametrize("logarithmic", [False, True])
def test_what_is_looked_at_by_blocks_is_what_is_there(smoothing: float, logarithmic: bool) -> None:
    """Of a part of a long series all is drawn; so parts of it tell what the whole has to be."""
    drawn = np.random.default_rng(0)
    values = np.exp(drawn.normal(size=60_000)) - 0.1
    values[20_000:21_000] = np.inf
    values[40_000:41_000] = np.nan
    of = log_of([None if math.isinf(value) else value for value in values.tolist()])
    whole = curves(of, smoothing=smoothing, logarithmic=logarithmic)
    columns = 20
    far = whole.within(View(0, 600_000, columns))
    near = [
        curve
        for begin in range(0, 600_000, 30_000)
        for curve in whole.within(View(begin, begin + 30_000, 2 * columns))
    ]
    for pick in (np.min, np.max):
        assert pick([pick(curve.y) for curve in far]) == pytest.approx(
            pick([pick(curve.y) for curve in near]), rel=1e-5
        )
    assert sum(len(curve.x) for curve in far) <= OF_A_COLUMN * (columns + len(far))
    ends = [curve.x[[0, -1]] for curve in far]
    assert not any(begin < 205_000 < end for begin, end in ends), "a gap stays one"
    assert any(begin < 405_000 < end for begin, end in ends) or logarithmic


def test_a_long_series_grows_and_is_cut_as_a_short_one() -> None:
    log = SeriesLog()

    def train(first: int, last: int, loss: float) -> None:
        log.fold(
            [
                TrainLogged(time=float(step), step=step, epoch=0, loss=loss, learning_rate=0)
                for step in range(first, last)
            ]
        )

    train(0, 10_000, 1.0)
    growing = Curves(log["train/loss"], Axis(log))
    view = View(0, 40_000, 20)
    growing.within(view)
    train(10_000, 30_000, 3.0)
    (curve,) = growing.within(view)
    assert (curve.x[-1], curve.y.max()) == (29_999, 3.0)
    log.apply(RunResumed(step=9_999))
    train(10_000, 30_000, 2.0)
    (curve,) = growing.within(view)
    assert (curve.x[-1], curve.y.max()) == (29_999, 2.0)
