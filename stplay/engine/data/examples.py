"""Rows of data as a training takes them, and how many negatives each of them has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from stplay.engine.data.columns import SOURCE
from stplay.engine.data.tables import Row
from stplay.errors import UserError
from stplay.text import clipped, count, printable

MOST_SHOWN = 60  # characters


class Example(NamedTuple):
    """An anchor, a positive and its ``negatives``; ``source`` is where the data has it from."""

    anchor: str
    positive: str
    negatives: tuple[str, ...]
    source: str


class Shape(NamedTuple):
    """How many ``negatives`` each row of a split has, and what that leaves out.

    Rows with fewer are ``short``; ``beyond`` are the negatives of others that are more.
    """

    negatives: int
    short: int = 0
    beyond: int = 0

    @classmethod
    def of(cls, rows: Mapping[int, int]) -> Shape:
        """The shape of ``rows``, which tells how many there are with each number of negatives.

        All rows of a training have the same columns. So the number is taken that keeps the most
        negatives, and of several such the smallest, which keeps the most rows.
        """

        def kept(negatives: int) -> int:
            return negatives * sum(rows[own] for own in rows if own >= negatives)

        negatives = max(sorted(rows), key=kept)
        return cls(
            negatives,
            sum(rows[own] for own in rows if own < negatives),
            sum(rows[own] * (own - negatives) for own in rows if own > negatives),
        )

    @property
    def said(self) -> list[str]:
        """What people should know of it, in words that go on from a name."""
        said = []
        if not self.negatives:
            said.append("the rows have no negatives: each anchor's are the positives of the others")
        if self.short:
            fewer = f"fewer than {count(self.negatives)} negatives"
            own = "no negative" if self.negatives == 1 else fewer
            said.append(f"rows with {own} are left out ({count(self.short)})")
        if self.beyond:
            said.append(
                f"negatives beyond {count(self.negatives)} a row are left out "
                f"({count(self.beyond)})"
            )
        return said


def examples(row: Row, label: str, number: int) -> list[Example]:
    """What the row ``number`` of the data ``label`` holds: an example for each of its positives.

    There is none where its anchor or its positives are empty.

    Raises:
        UserError: what should be a sentence is no text.
    """
    anchor = sentence_in(row["anchor"], "anchor", label, number)
    positives = _sentences(row["positive"], "positive", label, number)
    negatives: list[str] = []
    for column, value in row.items():
        if column.startswith("negative"):
            negatives += _sentences(value, "negative", label, number)
    source = str(row.get(SOURCE) or "")
    if not anchor.strip():
        return []
    return [Example(anchor, positive, tuple(negatives), source) for positive in positives]


def _sentences(value: object, column: str, label: str, number: int) -> list[str]:
    """The sentences of a cell, one or a list of them; an empty one is none."""
    values = value if isinstance(value, list) else [value]
    found = [sentence_in(each, column, label, number) for each in values]
    return [sentence for sentence in found if sentence.strip()]


def sentence_in(value: Any, column: str, label: str, number: int) -> str:
    """The sentence that is in a column of the row ``number``, nothing being an empty one.

    Raises:
        UserError: it is no text.
    """
    if value is None:
        return ""
    try:
        value.encode()  # JSON can spell half a character, which no tokenizer and no file takes
    except (AttributeError, UnicodeEncodeError):
        raise UserError(
            f"{label}: row {number:,} has {clipped(printable(repr(value)), MOST_SHOWN)} as its "
            f"{column}; a sentence is needed there."
        ) from None
    return value
