"""The exponential mean of a series, piece by piece as it grows."""

from __future__ import annotations

from itertools import accumulate
from math import ceil, log

import numpy as np
from numpy.typing import NDArray

ROW = 32  # values that are summed at once
FORGOTTEN = 1e-6  # the weight of what counts no more


class Smoothing:
    """The mean of what came, each value counting ``weight`` of the last, from 0 to below 1.

    It is corrected for its start, as that of Adam is (Kingma and Ba, 2014,
    https://arxiv.org/abs/1412.6980): the first value is itself.
    """

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self._mean, self._count = 0.0, 0
        powers = np.tril(weight ** (np.arange(ROW)[:, None] - np.arange(ROW)).clip(0))
        self._sums = (1 - weight) * powers.T
        self._powers = weight ** np.arange(1, ROW + 1)

    @property
    def memory(self) -> int:
        """So many values are remembered; what was before them counts no more."""
        return ceil(log(FORGOTTEN) / log(self.weight)) if self.weight else 0

    def of(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The means at ``values``, of shape (points,), which come after those before.

        What is not finite has no part in them, and stays what it is.
        """
        if not self.weight:
            return values
        finite = np.isfinite(values)
        means = values.copy()
        means[finite] = self._of_finite(values[finite])
        return means

    def _of_finite(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if not len(values):
            return values
        rows = np.zeros(-(-len(values) // ROW) * ROW)
        rows[: len(values)] = values
        within = rows.reshape(-1, ROW) @ self._sums
        kept = float(self._powers[-1])
        before = [
            *accumulate(within[:, -1].tolist(), lambda b, w: w + kept * b, initial=self._mean)
        ]
        means = (within + np.outer(before[:-1], self._powers)).ravel()[: len(values)]
        counts = np.arange(self._count + 1, self._count + len(values) + 1)
        self._mean, self._count = float(means[-1]), self._count + len(values)
        return means / (1 - self.weight**counts)
