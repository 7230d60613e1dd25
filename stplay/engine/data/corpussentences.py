"""The sentences of a corpus: the lines of a text, or one column of data."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

from stplay import lines
from stplay.engine.data import columns, hub, triplets
from stplay.engine.data.examples import sentence_in
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.sources.datasources import data_source
from stplay.sources.names import DATA_SUFFIXES, kind_of_file
from stplay.sources.paths import expanded, holds
from stplay.text import printable

STAGE = "reading the corpus"
TEXT_SUFFIX = ".txt"


class Sentences(NamedTuple):
    """The distinct sentences of a corpus with the first row of each, from 0; ``rows`` counts all.

    Rows without a sentence have a number too, and are counted nowhere.
    """

    first: dict[str, int]
    rows: int


def read(source: str, column: str | None, stages: Stages) -> Sentences:
    """The sentences of ``source``: a text, a file with columns, or data by name (its training).

    Raises:
        UserError: it is missing, damaged or empty, or which column is meant cannot be told.
    """
    stages.progress(STAGE)
    shown = printable(source)
    first: dict[str, int] = {}
    rows = 0
    for number, sentence in enumerate(_each(source, column, stages)):
        if not sentence.strip():
            continue
        rows += 1
        first.setdefault(sentence, number)
        if rows % 1000 == 0:
            stages.progress(STAGE, rows, None, "rows")
    if not first:
        raise UserError(f"{shown} has no sentences.")
    return Sentences(first, rows)


def _each(source: str, column: str | None, stages: Stages) -> Iterator[str]:
    path, shown = expanded(source), printable(source)
    kind = kind_of_file(path.name)
    if kind == TEXT_SUFFIX or (holds(path.is_file) and kind not in DATA_SUFFIXES):
        if kind not in (TEXT_SUFFIX, ""):
            raise UserError(
                f"{shown} is neither a {', '.join(DATA_SUFFIXES)} file nor a {TEXT_SUFFIX} with "
                f"one sentence a line; if it is one, call it {TEXT_SUFFIX}."
            )
        if column is not None:
            raise UserError(f"{shown} is a text, one sentence a line; it has no columns.")
        try:
            with path.open("rb") as file:
                yield from _lines(file, shown)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}."
            ) from None
        return
    found = data_source(source)
    choose = _OneColumn(column)
    if found.kind == "hub":
        files = hub.data_files(found, ("train",), stages)
        files.download(stages)
        rows = triplets.hub_rows(files, choose)
    else:
        rows = triplets.local_rows(found, "train", choose)
    for number, row in enumerate(rows, 1):
        if not choose.name:  # the sample is no file
            choose([*row], shown)
        yield sentence_in(row[choose.name], choose.name, found.label, number)


def _lines(file: BinaryIO, shown: str) -> Iterator[str]:
    """The lines of a text.

    Raises:
        UserError: they are none, but JSON.
    """
    for number, line in enumerate(lines.sentences(file, shown)):
        if number == 0 and _is_object(line):
            raise UserError(f"{shown} holds JSON objects and no sentences; call it .jsonl.")
        yield line


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


class _OneColumn(columns.ColumnChooser):
    """Chooses the column: the one asked for, or the only one."""

    def __init__(self, asked: str | None) -> None:
        super().__init__()
        self.asked = asked
        self.name = ""

    def __call__(self, names: Sequence[str], shown: str) -> dict[str, str]:
        """The column among ``names``, by its own name."""
        name = self.name or self.asked
        if name is None and len(names) == 1 and not columns.are_cells(names):
            name = names[0]
        if name is None:
            raise UserError(
                f"{shown} has the columns {columns.listed(names)}; choose one with --column."
            )
        self.name = columns.named(names, name, shown)
        columns.check_once(self.name, names, shown)
        return {self.name: self.name}
