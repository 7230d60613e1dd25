"""Which of a table's columns are meant: those asked for, or those of the usual names."""

from __future__ import annotations

import json
import re
import shlex
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from itertools import chain

from stplay.errors import UserError
from stplay.sources.datasources import COLUMNS, Column, OwnNames
from stplay.text import clipped, count, printable

SOURCE = "source"
# What is often called so elsewhere, the first that is there being taken; none of these says more
# than its order, so that of two of one row it cannot be told which is meant.
USUAL = {
    "anchor": ("anchor", "query", "question", "premise", "sentence1"),
    "positive": ("positive", "positives", "pos", "entailment", "sentence2"),
    "negative": ("negative", "negatives", "neg", "contradiction", "sentence3"),
}
NUMBERED = re.compile(r"neg(?:ative)?[ _-]?(\d{1,9})")  # of several, each in a column of its own
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


class RowColumns(ColumnChooser):
    """Finds the columns of anchors, positives and negatives, and of their source, if it is there.

    ``given`` are the file's own names of those that have no usual one. There need not be negatives:
    ``has_negatives`` tells whether any row had a column of them.
    """

    def __init__(self, given: OwnNames | None) -> None:
        super().__init__()
        self.given: OwnNames = given or {}
        self._before: dict[str, list[str]] = {}
        self._guessed: dict[str, dict[str, None]] = {wanted: {} for wanted in COLUMNS}
        self._others: dict[str, None] = {}
        self.has_negatives = False
        self.no_negatives = UserError("")
        """What to tell where there are none although triplets are wanted."""

    def __call__(self, names: Sequence[str], shown: str) -> dict[str, str]:
        """The name of each column among ``names``, by ours; negatives are numbered from the second.

        What was found before is found again, as rows of one file can have columns of their own.
        """
        found: dict[str, list[str]] = {
            wanted: [named(names, each, shown) for each in _several(wanted, told)]
            for wanted, told in self.given.items()
        }
        free = [name for name in names if name not in chain(*found.values())]
        needed = COLUMNS[:2]
        for wanted in COLUMNS:
            if wanted in found:
                continue
            usual = self._usual(wanted, free)
            if len({*usual}) > 1:
                usual, needed = [], COLUMNS  # what may be the negatives is not passed over
            elif wanted == "negative":
                usual += sorted(filter(_number, free), key=_number)
            found[wanted] = usual
            self._guessed[wanted].update(dict.fromkeys(usual))
        for name in chain(*found.values()):
            check_once(name, names, shown)
        lacking = [wanted for wanted in COLUMNS if not found[wanted]]
        if any(wanted in needed for wanted in lacking):
            raise UserError(
                f"{shown} lacks the column{'s' * (len(lacking) > 1)} {', '.join(lacking)}; it has "
                f"{listed(names)}. {_cure(names, found, needed)}"
            )
        if lacking and not self._before:
            self.no_negatives = UserError(
                f"{shown} lacks the column negative, and of pairs no triplets can be made; it has "
                f"{listed(names)}. {_cure(names, found, COLUMNS)}"
            )
        self._before = found
        self.has_negatives |= not lacking
        taken = {*chain(*found.values()), SOURCE}
        self._others.update(dict.fromkeys(name for name in free if name not in taken))
        chosen = {wanted: found[wanted][0] for wanted in COLUMNS if found[wanted]}
        for number, name in enumerate(found["negative"][1:], 2):
            chosen[f"negative_{number}"] = name
        return chosen | ({SOURCE: SOURCE} if SOURCE in free else {})

    def _usual(self, wanted: str, names: Sequence[str]) -> list[str]:
        """Those of ``names`` that may be the one ``wanted``."""
        for name in (*self._before.get(wanted, [])[:1], wanted):
            if name in names and not _number(name):
                return [name]
        found = [name for name in names if _plain(name) in USUAL[wanted]]
        same = [name for name in found if _plain(name) == wanted]
        return same or found

    @property
    def said(self) -> list[str]:
        """Which columns were taken for which, and what may be read otherwise."""
        said = []
        for wanted, names in self._guessed.items():
            if all(re.fullmatch(rf"{wanted}(_\d+)?", name) for name in names):
                continue
            what = f"is the {wanted}" if len(names) == 1 else f"are the {wanted}s"
            said.append(f"{listed([*names])} {what}")
        if self.quoted:
            said.append(
                f"in {count(self.quoted)} of its cells quotes that may be the file's are read as "
                "text (a file that quotes its cells is a .csv)"
            )
        if not self.has_negatives and self._others:
            said.append(f"its other columns are not taken ({listed([*self._others])})")
        return said


def _several(wanted: str, told: str | list[str]) -> list[str]:
    """The names that were ``told`` of the columns that are ``wanted``.

    Raises:
        UserError: they are several, and of what there is one a row.
    """
    names = told if isinstance(told, list) else [told]
    if len(names) > 1 and wanted != "negative":
        raise UserError(f"The {wanted} is one column, not {count(len(names))}; name one.")
    return names


def _number(name: str) -> int:
    """One more than the number of a column that has one of several negatives; 0 of any other."""
    numbered = NUMBERED.fullmatch(_plain(name))
    return int(numbered[1]) + 1 if numbered else 0


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


def _cure(
    names: Sequence[str], found: Mapping[str, Sequence[str]], needed: Sequence[Column]
) -> str:
    """What to write, with the file's own names: those not known to be another column, in order."""
    taken = {*chain(*found.values()), SOURCE}
    rest = [name for name in dict.fromkeys(names) if name.strip() and name not in taken]
    missing = [wanted for wanted in COLUMNS if not found[wanted]]
    if len(rest) < sum(wanted in needed for wanted in missing):
        *first, last = needed
        return f"The columns {', '.join(first)} and {last} are needed."
    own = {wanted: each[0] for wanted, each in found.items() if len(each) == 1}
    own |= dict(zip(missing, rest, strict=False))
    columns = {wanted: own[wanted] for wanted in COLUMNS if wanted in own}
    table = ", ".join(
        f"{wanted} = {json.dumps(name, ensure_ascii=False)}" for wanted, name in columns.items()
    )
    options = " ".join(f"--{wanted} {shlex.quote(name)}" for wanted, name in columns.items())
    return printable(
        f"Say which is which, in a recipe with data.columns = {{ {table} }}, for stplay eval with "
        f"{options}"
    )
