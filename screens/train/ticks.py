"""Round numbers for the axes of a chart, as far apart as their words need."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import ceil, floor, log10
from typing import NamedTuple

from stplay.runs.axis import Across
from stplay.text import count, duration

TICK = (1.0, 2.0, 5.0, 10.0)
ENDS = (1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
# Of a clock, in seconds.
ON_A_CLOCK = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200)
DAY = 86400
LEAST_ROWS, MOST_ROWS = 2, 5  # from one tick beside the axis to the next
SLIGHT = 1e-9  # of what computing leaves of a round number


def rounded_up(value: float, among: tuple[float, ...] = TICK, unit: float = 1.0) -> float:
    """The first of ``among``, times a power of ten, times ``unit``, that is not below ``value``."""
    power = unit * 10.0 ** floor(log10(value / unit))
    return next(power * each for each in among if power * each >= value * (1 - SLIGHT))


def seconds_up(value: float) -> float:
    """The first number of seconds not below ``value`` that is round on a clock."""
    if value < 1:
        return rounded_up(value)
    return next((each for each in ON_A_CLOCK if each >= value), DAY * rounded_up(value / DAY))


def clock_words(seconds: float) -> str:
    """A round number of seconds as people say it."""
    words = duration(seconds) if seconds >= 1 or not seconds else f"{seconds:g} s"
    for nothing in (" 00 s", " 00 min", " 0 h"):
        words = words.removesuffix(nothing)
    return words


class Below(NamedTuple):
    """The numbers below a chart: in which words, and which of them are round."""

    words: Callable[[float], str]
    up: Callable[[float], float]


BELOW: dict[Across, Below] = {
    "step": Below(count, lambda least: max(1.0, rounded_up(least))),
    "epoch": Below("{:g}".format, rounded_up),
    "time": Below(clock_words, seconds_up),
}


def multiples(interval: float, low: float, high: float) -> list[float]:
    """Those of ``interval`` from ``low`` to ``high``."""
    first, last = ceil(low / interval - SLIGHT), floor(high / interval + SLIGHT)
    return [round(number * interval, 12) for number in range(first, last + 1)]


class Beside(NamedTuple):
    """The numbers beside a chart: a tick each so many rows, all from ``low`` to ``high``."""

    low: float
    high: float
    ticks: list[float]


def beside(low: float, high: float, rows: int, unit: float = 1.0) -> Beside:
    """Round numbers around ``low`` and ``high``, the same number of rows apart, tightly."""
    rows = max(rows, LEAST_ROWS)
    if high - low <= SLIGHT * max(abs(low), abs(high)):
        room = abs(high) / 10 or 1.0
        low, high = low - room, high + room
    found: dict[float, Beside] = {}
    for apart in range(LEAST_ROWS, min(MOST_ROWS, rows) + 1):
        interval = (high - low) * apart / rows
        while True:
            interval = rounded_up(interval, unit=unit)
            begin = floor(low / interval + SLIGHT) * interval
            end = begin + interval * rows / apart
            if end >= high - SLIGHT * interval:
                break
            interval *= 1.5
        emptiness = (end - begin) * (1 + apart / 10)  # few ticks are worth some of the room
        found[emptiness] = Beside(begin, end, multiples(interval, begin, end))
    return found[min(found)]


def beside_logarithmic(low: float, high: float, rows: int) -> Beside:
    """Powers of ten around ``low`` and ``high``, and round values between, where there is room."""
    if high - low < log10(2):
        around = beside(10**low, 10**high, rows)
        if around.low > 0:
            low, high, ticks = around
            return Beside(log10(low), log10(high), [*map(log10, ticks)])
    low, high = floor(10 * low) / 10, ceil(10 * high + SLIGHT) / 10
    apart = LEAST_ROWS * (high - low) / max(rows, 1)
    decades = range(floor(low), ceil(high) + 1)
    several = max(1, ceil(apart))
    ticks = [float(decade) for decade in decades if decade % several == 0]
    for among in (
        (1, 3),
        (1, 2, 5),
        (1, 1.5, 2, 3, 5, 7),
        tuple(n / 10 for n in range(10, 100, 2)),
    ):
        finer = [decade + log10(each) for decade in decades for each in among]
        finer = [tick for tick in finer if low <= tick <= high]
        if any(after - before < apart for before, after in pairwise(finer)):
            break
        ticks = finer
    return Beside(low, high, [tick for tick in ticks if low <= tick <= high])
