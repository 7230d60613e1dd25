"""Triplets by name: read, checked and counted."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple

from datasets import Dataset

from stplay.engine import hub
from stplay.engine.stages import Stages
from stplay.errors import UserError
from stplay.events import EventWriter
from stplay.sources import DATA_SUFFIXES, DataSource, data_source
from stplay.text import printable

COLUMNS = ("anchor", "positive", "negative")
ALIASES = {"dev": ("dev", "validation", "val"), "train": ("train",), "test": ("test",)}

SplitName = Literal["train", "dev", "test"]
Row = dict[str, Any]


class Split(NamedTuple):
    """One split of a data set, with the three columns and no empty sentence."""

    name: str
    triplets: Dataset
    skipped: int
    synthetic: bool


class FirstRows(NamedTuple):
    """The first triplets of a split; ``rows`` is the number of all, where that is known."""

    triplets: list[tuple[str, ...]]
    rows: int | None
    skipped: int
    synthetic: bool


def first_rows(name: str, rows: int | None, shown: int) -> FirstRows:
    """The first ``shown`` training triplets of data ``name``, of which ``rows`` would be used.

    Raises:
        UserError: as ``load_split``; a Hub data set is only looked into, not downloaded.
    """
    source, stages = data_source(name), Stages(EventWriter(Path(os.devnull)))
    if source.kind != "hub":
        split = load_split(name, "train", rows, stages)
        table = split.triplets[:shown]
        found = list(zip(*(table[column] for column in COLUMNS), strict=True))
        return FirstRows(found, len(split.triplets), split.skipped, split.synthetic)
    some, total = hub.first_rows(source, ALIASES["train"], shown, stages)
    if some:
        _check_columns(list(some[0]), source.place)
    found = [tuple(_sentence(row, column, name, 1) for column in COLUMNS) for row in some]
    if rows is not None:
        total = rows if total is None else min(rows, total)
    return FirstRows(found, total, 0, False)


def load_split(name: str, split: SplitName, rows: int | None, stages: Stages) -> Split:
    """The first ``rows`` rows of the split (``train``, ``dev`` or ``test``) of data ``name``.

    Raises:
        UserError: the data is missing, damaged, empty, or lacks a column or the split.
    """
    source = data_source(name)
    label = f"{source.label}-{split}"
    stage = f"reading {label}"
    stages.progress(stage)
    if source.kind == "hub":
        table = hub.load_rows(source, ALIASES[split], rows, stages)
        _check_columns(table.column_names, label)
        found: Iterator[Any] = iter(table.select_columns(list(COLUMNS)))
    else:
        found = local_rows(source, split)
    columns: dict[str, list[str]] = {column: [] for column in COLUMNS}
    skipped = 0
    for number, row in enumerate(islice(found, rows), 1):
        sentences = [_sentence(row, column, label, number) for column in COLUMNS]
        if all(sentence.strip() for sentence in sentences):
            for column, sentence in zip(COLUMNS, sentences, strict=True):
                columns[column].append(sentence)
        else:
            skipped += 1
        if number % 1000 == 0:
            stages.progress(stage, number, rows, "rows")
    if not columns["anchor"]:
        raise UserError(
            f"{_shown(source)} has no triplets for {split}; each row needs a non-empty "
            f"{', '.join(COLUMNS[:2])} and {COLUMNS[2]}."
        )
    kept = len(columns["anchor"])
    stages.progress(stage, kept + skipped, kept + skipped, "rows")
    return Split(label, Dataset.from_dict(columns), skipped, source.kind == "sample")


def _sentence(row: Row, column: str, label: str, number: int) -> str:
    value = row[column]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UserError(
            f"{label}: row {number:,} has {printable(repr(value))[:60]} as its {column}; a "
            "sentence is needed there."
        )
    return value


def local_rows(source: DataSource, split: SplitName) -> Iterator[Row]:
    """The rows of a split that needs no network: the sample's, a file's or a folder's.

    Raises:
        UserError: there is no such file, or it cannot be read as what its name says.
    """
    if source.kind == "sample":
        from stplay.engine.sample import triplets

        yield from (triplet._asdict() for triplet in triplets(split))
        return
    path = Path(source.place)
    yield from _file_rows(_split_file(path, split) if source.kind == "folder" else path)


def _split_file(folder: Path, split: str) -> Path:
    for alias in ALIASES[split]:
        for suffix in DATA_SUFFIXES:
            path = folder / f"{alias}{suffix}"
            if path.is_file():
                return path
    names = ", ".join(f"{split}{suffix}" for suffix in DATA_SUFFIXES)
    raise UserError(f"The folder {printable(str(folder))} has no file for {split} ({names}).")


def _file_rows(path: Path) -> Iterator[Row]:
    shown = printable(str(path))
    readers = {".jsonl": _json_rows, ".csv": _csv_rows, ".tsv": _csv_rows}
    reader = readers.get(path.suffix, _parquet_rows)
    number = 0
    try:
        for row in reader(path):
            _check_columns(list(row), shown)
            yield row
            number += 1
    except UnicodeDecodeError as error:
        raise UserError(
            f"{shown} is not UTF-8 text (byte {error.start:,} of a piece after row {number:,}); "
            "convert it, for instance with: iconv -f latin1 -t utf-8"
        ) from None
    except csv.Error as error:
        raise UserError(f"{shown}: row {number + 1:,} is damaged: {error}.") from None
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from None


def _json_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(
                    f"{printable(str(path))}: line {number:,} is not JSON: {error}."
                ) from None
            if not isinstance(row, dict):
                raise UserError(
                    f"{printable(str(path))}: line {number:,} is not a JSON object with "
                    f"{', '.join(COLUMNS)}."
                )
            yield row


def _csv_rows(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        file = ParquetFile(path)
        _check_columns(file.schema_arrow.names, printable(str(path)))
        for batch in file.iter_batches(columns=list(COLUMNS)):
            yield from batch.to_pylist()
    except pyarrow.ArrowException as error:
        reason = printable(str(error).splitlines()[0])
        raise UserError(f"{printable(str(path))} is damaged: {reason}") from None


def _check_columns(names: list[str], shown: str) -> None:
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        there = ", ".join(printable(str(name)) for name in names) or "none"
        raise UserError(
            f"{shown} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{there}. Triplets need the columns {', '.join(COLUMNS)}."
        )


def _shown(source: DataSource) -> str:
    return printable(source.place)
