"""Triplets as the library's sampler looks at them: only which of their sentences are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow
from datasets import Dataset
from numpy.typing import NDArray


class NumberedTriplets:
    """The triplets of a split, a number in place of each sentence, the same for the same one.

    The sampler that keeps duplicates out of a batch looks at each row, often more than once, and
    reading its sentences takes a hundred times as long.
    """

    def __init__(self, triplets: Dataset) -> None:
        self.column_names = triplets.column_names
        table: Any = triplets.with_format("arrow")[:]
        sentences = pyarrow.chunked_array(
            [chunk for name in self.column_names for chunk in table.column(name).chunks]
        )
        numbers = sentences.dictionary_encode().combine_chunks().indices.to_numpy()
        self.rows: NDArray[np.int32] = numbers.reshape(len(self.column_names), -1).T
        """The numbers of each row's anchor, positive and negatives, of shape (rows, columns)."""

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, int]:
        return dict(zip(self.column_names, self.rows[index].tolist(), strict=True))
