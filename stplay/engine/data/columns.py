"""Which of a table's columns are meant: those asked for, or those of the usual names."""

from __future__ import annotations

import json
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from stplay.errors import UserError
from stplay.sources.datasources import COLUMNS, Column
from stplay.text import clipped, count, printable

SOURCE = "source"
# What is often called so elsewhere, the first that is there being taken; none of these says more
# than its order, so that of two of one row it cannot be told which is meant.
USUAL = {
    "anchor": ("anchor", "query", "question", "premise", "sentence1"),
    "positive": ("positive", "pos", "entailment", "sentence2"),
    "negative": ("negative", "neg", "contradiction", "sentence3"),
}
MOST_NAMES = 200  # characters
MOST_WORDS = 4  # of a name
MOST_LETTERS = 40
SENTENCE_ENDS = (".", "?", "!", "…", "。", "？", "！")


class ColumnChooser(ABC):
    """Finds the columns that are wanted; ``quoted`` counts cells whose quotes may be the file's."""

    def __init__(self) -> None:
        self.quoted = 0

    @abstractmethod
    def __call__(self, names: Sequence[str], shown: str) -> Mapping[str, str]:
        """The name of each column among ``names``, by what it is wanted for.

        Raises:
            UserError: one is missing, is there twice, or which is meant cannot be told; begins
                with ``shown``.
        """


class TripletColumns(ColumnChooser):
    """Finds the columns of triplets, and that of their source where there is one.

    ``given`` are the file's own names of those that have no usual one.
    """

    def __init__(self, given: Mapping[Column, str] | None) -> None:
        super().__init__()
        self.given: Mapping[Column, str] = given or {}
        self.guessed: dict[str, str] = {}

    def __call__(self, names: Sequence[str], shown: str) -> dict[str, str]:
        """The name of each column among ``names``, by ours."""
        found: dict[str, str] = {
            wanted: named(names, own, shown) for wanted, own in self.given.items()
        }
        free = [name for name in names if name not in found.values()]
        self.guessed = {}
        for wanted in COLUMNS:
            if wanted in found:
                continue
            if (name := self._usual(wanted, free)) is not None:
                found[wanted] = name
                if name != wanted:
                    self.guessed[wanted] = name
        for name in found.values():
            check_once(name, names, shown)
        if missing := [wanted for wanted in COLUMNS if wanted not in found]:
            raise UserError(
                f"{shown} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
                f"{listed(names)}. {_cure(names, found)}"
            )
        return {**found, **({SOURCE: SOURCE} if SOURCE in free else {})}

    @staticmethod
    def _usual(wanted: str, names: Sequence[str]) -> str | None:
        if wanted in names:
            return wanted
        found = [name for name in names if _plain(name) in USUAL[wanted]]
        same = [name for name in found if _plain(name) == wanted]
        found = same or found
        return found[0] if len({*found}) == 1 else None

    @property
    def said(self) -> str:
        """Which columns were taken for which, and what may be read otherwise; or nothing."""
        said = [f"{printable(own)} is the {name}" for name, own in self.guessed.items()]
        if self.quoted:
            said.append(
                f"in {count(self.quoted)} of its cells quotes that may be the file's are read as "
                "text (a file that quotes its cells is a .csv)"
            )
        return ", ".join(said)

    def remark(self, label: str) -> str:
        """The same in a sentence of its own, on the data called ``label``; or nothing."""
        return f"Of {printable(label)}, {self.said}." if self.said else ""


def named(names: Sequence[str], asked: str, shown: str) -> str:
    """The one of ``names`` that is ``asked`` for, case and stray blanks aside where it must be.

    Raises:
        UserError: there is none, or there are several.
    """
    if asked in names:
        return asked
    found = [name for name in names if _plain(name) == _plain(asked)]
    if len({*found}) != 1:
        raise UserError(f"{shown} has no column {printable(asked)}; it has {listed(names)}.")
    return found[0]


def check_once(name: str, names: Sequence[str], shown: str) -> None:
    """Make sure that the column ``name`` is there once only.

    Raises:
        UserError: it is not.
    """
    if names.count(name) > 1:
        raise UserError(
            f"{shown} has the column {printable(name)} {names.count(name)} times; rename those "
            "that are not meant."
        )


def listed(names: Sequence[str]) -> str:
    """The names of columns for people to read."""
    return clipped(", ".join(printable(str(name)) for name in names), MOST_NAMES) or "none"


def are_cells(names: Sequence[str]) -> bool:
    """Whether the first line of a table looks like a row of it: its header was left out."""
    return any(map(_is_cell, names))


def _is_cell(name: str) -> bool:
    plain = name.strip()
    return (
        len(plain.split()) > MOST_WORDS
        or len(plain) > MOST_LETTERS
        or plain.endswith(SENTENCE_ENDS)
        or plain.replace(".", "", 1).isdecimal()
    )


def _plain(name: str) -> str:
    return str(name).strip().casefold()


def _cure(names: Sequence[str], found: Mapping[str, str]) -> str:
    """What to write, with the file's own names: those not known to be another column, in order."""
    rest = iter(
        [
            name
            for name in dict.fromkeys(names)
            if name.strip() and name not in {*found.values(), SOURCE}
        ]
    )
    columns = {wanted: found.get(wanted) or next(rest, "") for wanted in COLUMNS}
    if not all(columns.values()):
        return f"Triplets need the columns {', '.join(COLUMNS)}."
    table = ", ".join(
        f"{wanted} = {json.dumps(own, ensure_ascii=False)}" for wanted, own in columns.items()
    )
    options = " ".join(f"--{wanted} {shlex.quote(own)}" for wanted, own in columns.items())
    return printable(
        f"Say which is which, in a recipe with data.columns = {{ {table} }}, for stplay eval with "
        f"{options}"
    )
