"""Series as curves: what is joined, what is not, and what is left out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from stplay.jobs.events import MetricsLogged
from stplay.runs.curves import OF_A_COLUMN, curves, smoothed
from stplay.runs.series import Series, SeriesLog


def series(values: list[float | None], segments: list[int] | None = None) -> Series:
    """A series of one value for each ten steps; ``None`` is not finite, nan was not measured."""
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
    return log["a"]


def drawn(of: Series, across: str = "step") -> list[list[tuple[float, float]]]:
    found = curves(of, across, 80)  # pyright: ignore[reportArgumentType]
    return [list(zip(curve.x.tolist(), curve.y.tolist(), strict=True)) for curve in found]


def test_what_is_not_finite_is_a_gap_and_what_was_not_measured_is_none() -> None:
    found = drawn(series([1.0, math.nan, 2.0, None, None, 3.0, None]))
    assert found == [[(0, 1), (20, 2)], [(50, 3)]]


def test_another_training_begins_another_curve() -> None:
    found = drawn(series([1.0, 2.0, 3.0, 4.0], [0, 0, 1, 1]))
    assert found == [[(0, 1), (10, 2)], [(20, 3), (30, 4)]]


def test_epochs_and_seconds() -> None:
    of = series([1.0, 2.0, 3.0])
    assert drawn(of, "epoch") == [[(0, 1), (0.5, 2), (1.0, 3)]]
    assert drawn(of, "time") == [[(0, 1), (1, 2), (2, 3)]]


def test_nothing_measured_is_no_curve() -> None:
    assert drawn(series([math.nan, 1.0])) == [[(10, 1)]]
    assert drawn(series([None])) == []


@pytest.mark.parametrize("points", [10_000, 100_000])
def test_however_many_points_no_more_are_drawn_than_columns_show(points: int) -> None:
    values = np.sin(np.arange(points) / 500).tolist()
    values[points // 3], values[points // 2] = 50.0, -50.0
    (curve,) = curves(series(values), "step", 60)
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
    assert smoothed(values, 0.9) == pytest.approx(expected)
    assert smoothed(values, 0.9)[0] == 2.0
    assert smoothed(np.full(500, 3.0), 0.99) == pytest.approx(np.full(500, 3.0))
    assert smoothed(values, 0.0) is values
