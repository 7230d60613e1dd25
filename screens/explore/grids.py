"""The grids of Explore: one for each model, and one for the difference of two."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stplay.encoding import similarity
from stplay.screens.explore.perspective import Perspective
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.shared.grid import Grid, ramp_ends
from stplay.text import printable

MOST_LABEL_CHARACTERS = 60


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
