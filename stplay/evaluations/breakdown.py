"""Where a model is right and where it is not: by length, by source, by margin."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stplay.evaluations.results import Accuracy
from stplay.evaluations.significance import accuracy
from stplay.text import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LENGTH_GROUPS = 4
MOST_SOURCES = 12


class Group(NamedTuple):
    """A part of the triplets, and the accuracy of each model on it."""

    name: str
    rows: int
    accuracies: list[Accuracy]


class Bin(NamedTuple):
    """The number of triplets whose margin is at least ``low`` and below ``high``.

    Both are in the unit of the similarity that the margins are of.
    """

    low: float
    high: float
    rows: int


def by_length(words: NDArray[np.int64], rights: list[NDArray[np.bool_]]) -> list[Group]:
    """Accuracies in about equal groups of triplets, by the words of their longest sentence.

    Args:
        words: ``Triplets.words``, of shape ``(triplets,)``; at least one.
        rights: which triplets each model judges right, ``Scores.right`` of each, of the same shape.

    Returns:
        ``LENGTH_GROUPS`` groups at most, the shortest first; each has an accuracy a model.
    """
    import numpy as np

    shares = np.arange(1, LENGTH_GROUPS) / LENGTH_GROUPS
    uppermost = np.unique([*np.quantile(words, shares, method="lower"), words.max()])
    groups, low = [], int(words.min())
    for high in map(int, uppermost):
        name = f"{low} to {high} words" if low < high else f"{high} word{'s' * (high != 1)}"
        groups.append(_group(name, (words >= low) & (words <= high), rights))
        low = high + 1
    return groups


def by_source(sources: NDArray[np.str_], rights: list[NDArray[np.bool_]]) -> list[Group]:
    """Accuracies by the source that the data names, the largest first; none where it has none.

    Args:
        sources: ``Triplets.sources``, of shape ``(triplets,)``; at least one.
        rights: which triplets each model judges right, ``Scores.right`` of each, of the same shape.

    Returns:
        ``MOST_SOURCES`` groups at most, and one of all others; each has an accuracy a model.
    """
    import numpy as np

    names, counts = np.unique(sources, return_counts=True)
    if len(names) == 1 and not names[0]:
        return []
    largest = [str(names[place]) for place in np.argsort(-counts, kind="stable")]
    groups = [
        _group(name or "no source", sources == name, rights) for name in largest[:MOST_SOURCES]
    ]
    if rest := largest[MOST_SOURCES:]:
        groups.append(_group(f"{count(len(rest))} others", np.isin(sources, rest), rights))
    return groups


def _group(name: str, inside: NDArray[np.bool_], rights: list[NDArray[np.bool_]]) -> Group:
    rows = int(inside.sum())
    return Group(name, rows, [accuracy(int(right[inside].sum()), rows) for right in rights])


def histogram(margins: NDArray[np.floating], bins: int = 16) -> list[Bin]:
    """How often each margin occurs; one edge is 0, so that no bin mixes right with wrong.

    Args:
        margins: ``Scores.margins``, of shape ``(triplets,)``, finite, at least one; in the unit of
            their similarity, and below 0 where a triplet is judged wrong.
        bins: about how many there are to be.

    Returns:
        Bins of one round width, 1, 2 or 5 times a power of ten, the lowest first; together they
        hold every margin, and 0 too.

    Raises:
        ValueError: there are no margins, or one is not finite.
    """
    import numpy as np

    low, high = min(float(margins.min()), 0.0), max(float(margins.max()), 0.0)
    width = _round_width((high - low) / bins)
    first, last = int(np.floor(low / width)), int(np.floor(high / width)) + 1
    edges = np.arange(first, last + 1) * width
    counts, _ = np.histogram(margins, edges)
    return [
        Bin(float(edges[place]), float(edges[place + 1]), int(rows))
        for place, rows in enumerate(counts)
    ]


def _round_width(width: float) -> float:
    import numpy as np

    if width <= 0:
        return 0.1
    power = 10.0 ** np.floor(np.log10(width))
    return float(power * next(step for step in (1, 2, 5, 10) if step * power >= width * 0.999))
