"""The sentences of a corpus: the lines of a text, or one column of data."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import NamedTuple

from stplay import lines
from stplay.engine.data import hub, triplets
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.sources.datasources import data_source
from stplay.sources.names import DATA_SUFFIXES
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
    if path.suffix == TEXT_SUFFIX or (holds(path.is_file) and path.suffix not in DATA_SUFFIXES):
        if column is not None:
            raise UserError(f"{shown} is a text, one sentence a line; it has no columns.")
        try:
            with path.open("rb") as file:
                yield from lines.sentences(file, shown)
        except (OSError, ValueError) as error:
            raise UserError(
                f"{shown} cannot be read: {getattr(error, 'strerror', None) or error}."
            ) from None
        return
    found = data_source(source)
    wanted: list[str] = []
    columns = _one_column(column, wanted)
    if found.kind == "hub":
        files = hub.data_files(found, ("train",), stages)
        files.download(stages)
        rows = triplets.hub_rows(files, columns)
    else:
        rows = triplets.local_rows(found, "train", columns)
    for number, row in enumerate(rows, 1):
        if not wanted:  # the sample is no file
            columns(row, shown)
        yield triplets.sentence_in(row, wanted[0], found.label, number)


def _one_column(
    column: str | None, wanted: list[str]
) -> Callable[[Collection[str], str], Collection[str]]:
    """Chooses the column and puts it into ``wanted``: the one asked for, or the only one."""

    def choose(names: Collection[str], shown: str) -> Collection[str]:
        name = (wanted or [column])[0]
        if name is None and len(names) == 1:
            name = next(iter(names))
        if name is None or name not in names:
            there = ", ".join(printable(str(other)) for other in names) or "none"
            raise UserError(
                f"{shown} has the columns {there}; choose one with --column."
                if name is None
                else f"{shown} has no column {printable(name)}; it has {there}."
            )
        wanted[:] = [name]
        return wanted

    return choose
