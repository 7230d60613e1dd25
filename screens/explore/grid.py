"""The grid: similarities with the names, the order and the shades in which they are shown."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stplay.encoding import similarity
from stplay.screens.explore.perspective import Perspective
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.text import printable

CUT = "!"
LONGEST = 1e7  # a larger number is written with an exponent
MOST_LABEL_CHARACTERS = 60
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


def grids_of(
    sentences: list[Sentence], embeddings: list[NDArray[np.float32]], perspective: Perspective
) -> list[Grid]:
    """A grid for the ``embeddings`` of each model, and one for the difference of two.

    They share the order, which the first model gives.

    Args:
        sentences: at least one.
        embeddings: for each model an array of shape ``(sentences, dimensions)``.
        perspective: by what they are measured, ordered and dimmed.
    """
    matrices = [similarity.similarity_matrix(each, each, perspective.metric) for each in embeddings]
    order = np.arange(len(sentences))
    if perspective.order == "by similarity":
        order = similarity.order_by(matrices[0], perspective.chosen)
    elif perspective.order == "clusters":
        order = similarity.cluster_order(embeddings[0])
    numbers = [sentence.number for sentence in sentences]
    labels = [printable(sentence.text[:MOST_LABEL_CHARACTERS]) for sentence in sentences]

    def grid(values: NDArray[np.floating], low: float, high: float, *, signed: bool) -> Grid:
        threshold = None if signed else perspective.threshold
        return Grid(numbers, labels, values, np.asarray(order), low, high, threshold, signed)

    grids = [
        grid(matrix, *ramp_ends(matrix, perspective.metric), signed=False) for matrix in matrices
    ]
    if len(matrices) == 2:
        with np.errstate(invalid="ignore"):  # between two that are infinite there is no difference
            change = matrices[1] - matrices[0]
        largest = float(np.abs(change[np.isfinite(change)]).max(initial=0.0))
        grids.append(grid(change, 0.0, largest or 1.0, signed=True))
    return grids


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
