"""What models say about sentences, made into the grids that are shown."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stplay.encoding import similarity
from stplay.screens.explore.matrix import Grid
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.text import printable

Order = Literal["as typed", "by similarity", "clusters"]
ORDERS: tuple[Order, ...] = ("as typed", "by similarity", "clusters")
MOST_LABEL_CHARACTERS = 60
BOUNDED = ("cosine",)


class View(NamedTuple):
    """How the sentences are looked at; ``chosen`` is the one that others are ordered by."""

    metric: str = "cosine"
    order: Order = "as typed"
    threshold: float | None = None
    chosen: int = 0


def grids(
    sentences: list[Sentence], embeddings: list[NDArray[np.float32]], view: View
) -> list[Grid]:
    """A grid for the ``embeddings`` of each model, and one for the difference of two.

    They share the order, which the first model gives.
    """
    matrices = [similarity.similarity_matrix(each, each, view.metric) for each in embeddings]
    order = np.arange(len(sentences))
    if view.order == "by similarity":
        order = similarity.order_by(matrices[0], view.chosen)
    elif view.order == "clusters":
        order = similarity.cluster_order(embeddings[0])
    numbers = [sentence.number for sentence in sentences]
    labels = [printable(sentence.text[:MOST_LABEL_CHARACTERS]) for sentence in sentences]

    def grid(values: NDArray[np.floating], low: float, high: float, *, signed: bool) -> Grid:
        threshold = None if signed else view.threshold
        return Grid(numbers, labels, values, np.asarray(order), low, high, threshold, signed)

    shown = [grid(matrix, *ends(matrix, view.metric), signed=False) for matrix in matrices]
    if len(matrices) == 2:
        with np.errstate(invalid="ignore"):  # between two that are infinite there is no difference
            change = matrices[1] - matrices[0]
        largest = float(np.abs(change[np.isfinite(change)]).max(initial=0.0))
        shown.append(grid(change, 0.0, largest or 1.0, signed=True))
    return shown


def ends(matrix: NDArray[np.floating], metric: str) -> tuple[float, float]:
    """The values at which the ramp begins and ends: always the same for the cosine."""
    finite = matrix[np.isfinite(matrix)]
    if metric in BOUNDED or not finite.size:
        return 0.0, 1.0
    return float(finite.min()), float(finite.max())


def next_threshold(current: float | None, by: int, low: float, high: float) -> float | None:
    """The next of twenty steps between ``low`` and ``high``; none below the first."""
    step = (high - low) / 20
    if step <= 0:
        return None
    place = (0 if current is None else round((current - low) / step)) + by
    return None if place <= 0 else low + min(place, 20) * step
