"""Round numbers of axes: around what is drawn, tightly, at even distances."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from stplay.screens.train.ticks import (
    beside,
    beside_logarithmic,
    clock_words,
    multiples,
    rounded_up,
    seconds_up,
)


@pytest.mark.parametrize("seed", range(50))
def test_ticks_beside_a_chart_are_a_whole_number_of_rows_apart(seed: int) -> None:
    drawn = random.Random(seed)
    low = drawn.choice([-1, 0, 1]) * 10 ** drawn.uniform(-6, 9)
    high = low + 10 ** drawn.uniform(-3, 6)
    rows = drawn.randrange(2, 50)
    found = beside(low, high, rows)
    slight = 1e-6 * (found.high - found.low)
    assert found.low <= low + slight
    assert found.high >= high - slight
    assert len(found.ticks) >= 2 or rows < 4
    for before, after in pairwise(found.ticks):
        apart = (after - before) * rows / (found.high - found.low)
        assert apart == pytest.approx(round(apart), rel=1e-3)
    if rows >= 8 and high - low > slight:
        assert high - low >= 0.35 * (found.high - found.low), "most of the room is used"


@pytest.mark.parametrize("value", [0.0, 5e-5, -3.0, 1e9])
def test_what_is_always_the_same_has_room_around_it(value: float) -> None:
    found = beside(value, value, 10)
    assert found.low < value < found.high
    assert len(found.ticks) >= 2


def test_units_of_memory_are_round_in_their_own_way() -> None:
    found = beside(500 << 20, 3 << 30, 12, 1024.0**3)
    assert all(tick % (1 << 28) == 0 for tick in found.ticks)


@pytest.mark.parametrize(
    ("low", "high", "values"),
    [
        (-6, 0, [1e-6, 1e-4, 1e-2, 1]),
        (-1, 1, [0.1, 0.3, 1, 3, 10]),
        (math.log10(0.79), math.log10(0.81), [0.79, 0.8, 0.81]),
    ],
)
def test_a_log_scale_has_round_numbers(low: float, high: float, values: list[float]) -> None:
    found = beside_logarithmic(low, high, 10)
    assert [10**tick for tick in found.ticks] == pytest.approx(values)


def test_time_is_round_on_a_clock() -> None:
    assert [*map(seconds_up, (0.3, 11, 61, 3601, 90_000))] == [0.5, 15, 120, 7200, 172_800]
    words = [*map(clock_words, (0, 0.5, 90, 600, 3600, 5400, 86_400))]
    assert words == ["0 s", "0.5 s", "1 min 30 s", "10 min", "1 h", "1 h 30 min", "1 d"]


def test_round_numbers() -> None:
    assert [*map(rounded_up, (0.03, 1, 1.01, 6, 2e5))] == pytest.approx([0.05, 1, 2, 10, 2e5])
    assert multiples(0.1, 0.25, 0.5) == [0.3, 0.4, 0.5]
