"""The grid: similarities with the names, the order and the shades in which they are shown."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

CUT = "!"
LONGEST = 1e7  # a larger number is written with an exponent
BOUNDED = ("cosine",)


class Grid(NamedTuple):
    """What a matrix shows.

    ``numbers`` and ``labels`` name the sentences, ``values`` has the shape ``(sentences,
    sentences)``, and ``order``, of shape ``(sentences,)``, holds their places in the order in which
    they stand. The ramp goes from ``low`` to ``high``; where ``signed``, it shades by magnitude.
    Magnitudes below ``threshold`` are dimmed. The model did not read the end of the sentences at
    the places ``cut``.
    """

    numbers: list[int]
    labels: list[str]
    values: NDArray[np.floating]
    order: NDArray[np.intp]
    low: float
    high: float
    threshold: float | None = None
    signed: bool = False
    cut: frozenset[int] = frozenset()

    def number(self, sentence: int) -> str:
        """The number of a sentence; it stands out where the sentence was cut."""
        return f"{self.numbers[sentence]}{CUT if sentence in self.cut else ''}"


def ramp_ends(matrix: NDArray[np.floating], metric: str) -> tuple[float, float]:
    """The values at which the ramp begins and ends: always the same for the cosine."""
    finite = matrix[np.isfinite(matrix)]
    if metric in BOUNDED or not finite.size:
        return 0.0, 1.0
    return float(finite.min()), float(finite.max())


def decimal_places(values: NDArray[np.floating]) -> int:
    """How many decimals keep the numbers of ``values`` short: 3, fewer where they are large."""
    largest = float(np.abs(values[np.isfinite(values)]).max(initial=0.0))
    return 3 if largest < 10 else 2 if largest < 100 else 1


def written(value: float, places: int, *, signed: bool = False) -> str:
    """``value`` with fixed decimals, or an exponent where it is large; never a negative zero."""
    form = "e" if LONGEST <= abs(value) < math.inf else "f"
    text = f"{value:{'+' if signed else ''}.{places}{form}}"
    return text.replace("-", "+" if signed else "") if float(text) == 0 else text


def longest_number(values: NDArray[np.floating], places: int, *, signed: bool) -> int:
    """How long the longest of ``values``, of which there are some, is when it is written."""
    small = np.abs(values) < LONGEST
    parts = (part for part in (values[small], values[~small]) if part.size)
    ends = (end for part in parts for end in (part.min(), part.max()))
    return max(len(written(float(value), places, signed=signed)) for value in ends)
