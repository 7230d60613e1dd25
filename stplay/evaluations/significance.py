"""How sure an accuracy is, and whether two models can be told apart."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from stplay.evaluations.results import Accuracy
from stplay.text import count

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CONFIDENCE = 0.95


def accuracy(right: int, rows: int) -> Accuracy:
    """The accuracy with its 95 % interval, of ``right`` triplets among ``rows``.

    Raises:
        ValueError: there are no rows, or fewer than are right.

    Source: Wilson, Probable inference, the law of succession, and statistical inference, 1927;
    ``scipy.stats.binomtest``.
    """
    from scipy.stats import binomtest  # takes half a second

    interval = binomtest(right, rows).proportion_ci(CONFIDENCE, "wilson")
    return Accuracy(right, right / rows, float(interval.low), float(interval.high))


class Comparison(NamedTuple):
    """Two models on the same triplets: those that only one of them judges right.

    ``p`` is the chance that equal models differ at least so much.
    """

    a_better: int
    b_better: int
    p: float

    @property
    def different(self) -> bool:
        """Whether the two can be told apart."""
        return self.p < 1 - CONFIDENCE

    def words(self, a: str, b: str) -> str:
        """The comparison in one plain sentence; ``a`` and ``b`` are the names to use."""
        best, most, other, least = b, self.b_better, a, self.a_better
        if self.a_better > self.b_better:
            best, most, other, least = a, self.a_better, b, self.b_better
        word = "triplet" if most == 1 else "triplets"
        if self.different:
            return (
                f"{best} is better on {count(most)} {word}, {other} on {count(least)}: "
                f"unlikely to be chance ({p_words(self.p)})"
            )
        if most == 0:
            return f"{a} and {b} judge every triplet alike"
        return (
            f"{a} and {b} cannot be told apart: {best} is better on {count(most)} {word}, "
            f"{other} on {count(least)} ({p_words(self.p)})"
        )


def compare(a_right: NDArray[np.bool_], b_right: NDArray[np.bool_]) -> Comparison:
    """The paired test of two models on the same triplets, exact for any number of them.

    Args:
        a_right: which triplets the first model judges right, of shape ``(triplets,)``.
        b_right: the same of the second model.

    Source: McNemar, Note on the sampling error of the difference between correlated proportions
    or percentages, 1947; exact as a binomial test, ``scipy.stats.binomtest``.
    """
    from scipy.stats import binomtest

    a_better = int((a_right & ~b_right).sum())
    b_better = int((b_right & ~a_right).sum())
    differing = a_better + b_better
    p = float(binomtest(a_better, differing).pvalue) if differing else 1.0
    return Comparison(a_better, b_better, p)


def p_words(p: float) -> str:
    """``p`` as people write it: ``p = 0.85``, ``p = 0.00009``, ``p < 0.00001``."""
    if p < 0.00001:
        return "p < 0.00001"
    digits = 2 if p >= 0.1 else 1 - math.floor(math.log10(p)) - (p < 0.001)
    return f"p = {p:.{digits}f}"
