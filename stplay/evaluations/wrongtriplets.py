"""The triplets a model gets wrong: found, searched, and written out."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

import msgspec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stplay.evaluations.results import Scores, Triplets

FORMATS = ("jsonl", "csv")


class TakesText(Protocol):
    """Something that takes text."""

    def write(self, data: str, /) -> object:
        """Write whole lines."""


class WrongTriplet(msgspec.Struct):
    """One triplet with its similarities; ``row`` is that of the data, from 1.

    ``margin`` is how much nearer the positive is than the negative: 0 or less, as it is wrong.
    """

    row: int
    margin: float
    positive_similarity: float
    negative_similarity: float
    anchor: str
    positive: str
    negative: str


class WrongTriplets:
    """The places of the triplets that ``scores`` judge wrong, the worst margin first.

    With ``better``, only those that these other scores judge right. ``text`` has to be in one of
    the sentences. ``similarity`` is one of ``SIMILARITIES``. ``places`` are those of the triplets,
    from 0, of shape ``(wrong triplets,)``.
    """

    def __init__(
        self,
        triplets: Triplets,
        scores: Scores,
        similarity: str,
        better: Scores | None = None,
        text: str = "",
    ) -> None:
        import numpy as np

        self.triplets, self.scores, self.similarity = triplets, scores, similarity
        self._positive, self._negative = scores.positive(similarity), scores.negative(similarity)
        self._margins = scores.margins(similarity)
        shown = ~scores.right(similarity)
        if better is not None:
            shown &= better.right(similarity)
        if text:
            shown &= triplets.containing(text)
        found = np.flatnonzero(shown)
        self.places: NDArray[np.int64] = found[np.argsort(self._margins[found], kind="stable")]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, number: int) -> WrongTriplet:
        place = int(self.places[number])
        return WrongTriplet(
            int(self.triplets.rows[place]),
            float(self._margins[place]),
            float(self._positive[place]),
            float(self._negative[place]),
            *self.triplets.sentences(place),
        )

    def __iter__(self) -> Iterator[WrongTriplet]:
        return (self[number] for number in range(len(self)))

    def write(self, file: TakesText, form: str) -> None:
        """Write them to ``file`` as ``csv`` or, one object a line, ``jsonl``."""
        if form == "csv":
            table = csv.writer(file)
            table.writerow(WrongTriplet.__struct_fields__)
            table.writerows(msgspec.structs.astuple(triplet) for triplet in self)
            return
        for triplet in self:
            file.write(json.dumps(msgspec.structs.asdict(triplet), ensure_ascii=False) + "\n")
