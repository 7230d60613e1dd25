"""Triplets by name: read, checked and counted."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, cast

from stplay import lines
from stplay.engine.data import hub
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.sources.names import COLUMNS, DATA_SUFFIXES, DataSource, data_source
from stplay.text import printable

if TYPE_CHECKING:
    from datasets import Dataset

ALIASES = {"dev": ("dev", "validation", "val")}
SOURCE = "source"
MOST_FIELD = 1 << 28
MOST_DIGITS = 4300
MOST_THRIFT = (1 << 31) - 1

Row = dict[str, Any]
Columns = Callable[[Collection[str], str], Collection[str]]


class Split(NamedTuple):
    """One split of a data set, with the three columns and no empty sentence."""

    name: str
    triplets: Dataset
    skipped: int
    synthetic: bool


class Triplet(NamedTuple):
    """One row of a split; ``source`` is where the data says it is from, or empty."""

    anchor: str
    positive: str
    negative: str
    source: str


class OpenSplit(NamedTuple):
    """One split of a data set, being read: ``None`` stands for a row with an empty sentence.

    ``label`` is the name under which its figures are shown, ``revision`` a Hub data set's commit.
    """

    label: str
    triplets: Iterator[Triplet | None]
    synthetic: bool
    revision: str | None


class FirstRows(NamedTuple):
    """The first triplets of a split; ``rows`` is the number of all, where that is known."""

    triplets: Sequence[tuple[str, ...]]
    rows: int | None
    skipped: int
    synthetic: bool


def first_rows(name: str, rows: int | None, shown: int) -> FirstRows:
    """The first ``shown`` training triplets of data ``name``, of which ``rows`` would be used.

    Raises:
        UserError: as ``load_split``; a Hub data set is only looked into, not downloaded.
    """
    source, stages = data_source(name), Stages(EventWriter(Path(os.devnull)))
    files = hub.data_files(source, ("train",), stages) if source.kind == "hub" else None
    if files is None:
        there = local_rows(source, "train", triplet_columns)
    else:
        there = hub_rows(files, triplet_columns)
    found: list[tuple[str, ...]] = []
    kept = skipped = 0
    for triplet in _triplets(islice(there, rows), f"{source.label}-train"):
        if triplet is None:
            skipped += 1
            continue
        kept += 1
        if kept <= shown:
            found.append(triplet[: len(COLUMNS)])
        elif files is not None or source.kind == "sample":  # all of it takes long to read
            break
    if not found:
        raise _no_triplets(source, "train")
    if source.kind == "sample":
        from stplay.engine.data.sample import ROWS

        return FirstRows(found, min(rows or ROWS["train"], ROWS["train"]), skipped, True)
    if files is None:
        return FirstRows(found, kept, skipped, False)
    total = files.rows if rows is None or files.rows is None else min(rows, files.rows)
    return FirstRows(found, total, skipped, False)


def load_split(name: str, split: str, rows: int | None, stages: Stages) -> Split:
    """The first ``rows`` rows of the split (``train``, ``dev`` or ``test``) of data ``name``.

    Raises:
        UserError: the data is missing, damaged, empty, or lacks a column or the split.
    """
    from datasets import Dataset  # takes a second, which a look at the first rows can save

    opened = open_split(name, split, rows, stages)
    found = list(opened.triplets)
    kept = [triplet for triplet in found if triplet is not None]
    table = Dataset.from_dict({c: [row[i] for row in kept] for i, c in enumerate(COLUMNS)})
    return Split(opened.label, table, len(found) - len(kept), opened.synthetic)


def open_split(name: str, split: str, rows: int | None, stages: Stages) -> OpenSplit:
    """The first ``rows`` rows of a split of data ``name``, to be read one after the other.

    Raises:
        UserError: the data is missing, damaged, empty, or lacks a column or the split; also while
            its rows are read.
    """
    source = data_source(name)
    label = source.split_label(split)
    stages.progress(f"reading {label}")
    revision = None
    if source.kind == "hub":
        files = hub.data_files(source, _aliases(split), stages)
        files.download(stages)
        found, revision = hub_rows(files, triplet_columns), files.repository.commit
    else:
        found = local_rows(source, split, triplet_columns)
    triplets = _told(source, split, _triplets(islice(found, rows), label), rows, stages)
    return OpenSplit(label, triplets, source.kind == "sample", revision)


def _told(
    source: DataSource,
    split: str,
    triplets: Iterator[Triplet | None],
    rows: int | None,
    stages: Stages,
) -> Iterator[Triplet | None]:
    """The triplets as they are, their reading told; a split without any is a mistake."""
    stage = f"reading {source.split_label(split)}"
    number = kept = 0
    for number, triplet in enumerate(triplets, 1):
        kept += triplet is not None
        yield triplet
        if number % 1000 == 0:
            stages.progress(stage, number, rows, "rows")
    if not kept:
        raise _no_triplets(source, split)
    stages.progress(stage, number, number, "rows")


def split_names(name: str, wanted: Collection[str], stages: Stages) -> list[str]:
    """The splits to evaluate on: those ``wanted``, or else dev and test where they are there.

    A file is one split, named after the file.

    Raises:
        UserError: the data or a wanted split is missing; names the splits that are there.
    """
    source = data_source(name)
    match source.kind:
        case "sample":
            from stplay.engine.data.sample import SPLITS

            there = [*map(str, SPLITS)]
        case "hub":
            there = hub.split_names(source, stages)
        case "file":
            there = [Path(source.place).stem]
        case "folder":
            files = sorted(Path(source.place).iterdir())
            there = [path.stem for path in files if path.suffix in DATA_SUFFIXES]
    if source.kind == "file" and not wanted:
        return there
    found = [
        split
        for split in dict.fromkeys(wanted or ("dev", "test"))
        if any(alias in there for alias in _aliases(split))
    ]
    missing = [split for split in wanted if split not in found]
    if missing or not found:
        names = printable(", ".join(there)) or f"no {', '.join(DATA_SUFFIXES)} file"
        lacking = printable(", ".join(missing)) or "dev or test"
        raise UserError(f"{printable(source.place)} has no split {lacking}; it has {names}.")
    return found


def _aliases(split: str) -> tuple[str, ...]:
    return ALIASES.get(split, (split,))


def _no_triplets(source: DataSource, split: str) -> UserError:
    return UserError(
        f"{printable(source.place)} has no triplets for {split}; each row needs a non-empty "
        f"{', '.join(COLUMNS[:2])} and {COLUMNS[2]}."
    )


def _triplets(rows: Iterable[Row], label: str) -> Iterator[Triplet | None]:
    """The triplet of each row, or ``None`` where one of its sentences is empty."""
    for number, row in enumerate(rows, 1):
        anchor, positive, negative = (sentence_in(row, name, label, number) for name in COLUMNS)
        full = anchor.strip() and positive.strip() and negative.strip()
        yield Triplet(anchor, positive, negative, str(row.get(SOURCE) or "")) if full else None


def sentence_in(row: Row, column: str, label: str, number: int) -> str:
    """What a row has in a column, nothing being an empty sentence.

    Raises:
        UserError: it is no text.
    """
    value = row[column]
    if value is None:
        return ""
    try:
        value.encode()  # JSON can spell half a character, which no tokenizer and no file takes
    except (AttributeError, UnicodeEncodeError):
        raise UserError(
            f"{label}: row {number:,} has {printable(repr(value))[:60]} as its {column}; a "
            "sentence is needed there."
        ) from None
    return value


def hub_rows(files: hub.DataFiles, columns: Columns) -> Iterator[Row]:
    """The rows of a Hub data set's split, with the wanted ``columns``.

    Raises:
        UserError: the Hub fails, or a file cannot be read as what its name says.
    """
    try:
        for shown, file in files.open():
            yield from file_rows(file, shown, columns)
    except hub.NETWORK_ERRORS as error:
        raise files.repository.told(error) from error


def local_rows(source: DataSource, split: str, columns: Columns) -> Iterator[Row]:
    """The rows of a split that needs no network: the sample's, a file's or a folder's.

    Raises:
        UserError: there is no such file, or it cannot be read as what its name says.
    """
    if source.kind == "sample":
        from stplay.engine.data import sample

        yield from (triplet._asdict() for triplet in sample.generate(cast("sample.Split", split)))
        return
    path = Path(source.place)
    if source.kind == "folder":
        path = _split_file(path, split)
    shown = printable(str(path))
    try:
        with path.open("rb") as file:
            yield from file_rows(file, shown, columns)
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from None


def _split_file(folder: Path, split: str) -> Path:
    for alias in _aliases(split):
        for suffix in DATA_SUFFIXES:
            path = folder / f"{alias}{suffix}"
            if path.is_file():
                return path
    names = ", ".join(f"{split}{suffix}" for suffix in DATA_SUFFIXES)
    raise UserError(f"The folder {printable(str(folder))} has no file for {split} ({names}).")


def file_rows(file: BinaryIO, shown: str, columns: Columns) -> Iterator[Row]:
    """The rows of an open file, which is read as the end of its name, ``shown``, says.

    ``columns`` is given the names of the columns that are there, and the words to begin a complaint
    with; it returns those that are wanted.
    """
    readers = {".jsonl": _json_rows, ".csv": _csv_rows, ".tsv": _csv_rows}
    return readers.get(Path(shown).suffix, _parquet_rows)(file, shown, columns)


def _json_rows(file: BinaryIO, shown: str, columns: Columns) -> Iterator[Row]:
    for number, line in enumerate(lines.read(file, shown), 1):
        text = line.rstrip()
        if not text:
            continue
        try:
            row = json.loads(text, parse_int=_whole_number)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{shown}: line {number:,} is not JSON: {error.msg} (column {error.colno:,})."
            ) from None
        except RecursionError:
            raise UserError(
                f"{shown}: line {number:,} is not JSON that can be read: it is nested too deep."
            ) from None
        if not isinstance(row, dict):
            raise UserError(f"{shown}: line {number:,} is not a JSON object with named columns.")
        columns(row, f"{shown}: line {number:,}")
        yield row


def _whole_number(digits: str) -> float:
    """A number of any length: Python's own refuses those of more than 4,300 digits."""
    return int(digits) if len(digits) < MOST_DIGITS else float(digits)


def _csv_rows(file: BinaryIO, shown: str, columns: Columns) -> Iterator[Row]:
    delimiter = "\t" if shown.endswith(".tsv") else ","
    csv.field_size_limit(MOST_FIELD)  # Python's own is 131,072 characters
    # Strict: a stray quote would else join sentences and lines without a word.
    rows = csv.DictReader(lines.read(file, shown), delimiter=delimiter, strict=True)
    try:
        columns(rows.fieldnames or (), shown)
        for row in rows:
            if None in row or None in row.values():
                amount = "more" if None in row else "fewer"
                raise UserError(
                    f"{shown}: line {rows.line_num:,} has {amount} fields than the first line; a "
                    f"sentence with a {'tab' if delimiter != ',' else 'comma'} needs quotes."
                )
            yield row
    except csv.Error as error:
        line = f"{shown}: line {rows.reader.line_num:,}"
        if "field larger than field limit" in str(error):
            raise UserError(
                f"{line} has a field of more than {MOST_FIELD:,} characters, or a quote above it "
                "is never closed."
            ) from None
        raise UserError(f"{line} is damaged: {error}.") from None


def _parquet_rows(file: BinaryIO, shown: str, columns: Columns) -> Iterator[Row]:
    import pyarrow
    from pyarrow.parquet import ParquetFile

    try:
        # Small pieces, as only the first rows may be wanted, over the network.
        table = ParquetFile(
            file,
            buffer_size=1 << 18,
            pre_buffer=False,
            thrift_string_size_limit=MOST_THRIFT,
            thrift_container_size_limit=MOST_THRIFT,
        )
        wanted = columns(table.schema_arrow.names, shown)
        for batch in table.iter_batches(1000, columns=list(wanted)):
            yield from batch.to_pylist()
    except pyarrow.ArrowMemoryError:
        raise  # it is the machine's
    except UnicodeDecodeError:
        raise UserError(f"{shown} has text that is not UTF-8.") from None
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        if isinstance(error, hub.NETWORK_ERRORS) or getattr(error, "errno", None):
            raise
        reason = printable((str(error).splitlines() or [type(error).__name__])[0])
        damaged = isinstance(error, (pyarrow.ArrowInvalid, OSError))
        what = "is damaged" if damaged else "cannot be read here"
        raise UserError(f"{shown} {what}: {reason}") from None


def triplet_columns(names: Collection[str], shown: str) -> Collection[str]:
    """The columns of triplets, and that of their source where there is one.

    Raises:
        UserError: one is missing.
    """
    missing = [column for column in COLUMNS if column not in names]
    if missing:
        there = ", ".join(printable(str(name)) for name in names) or "none"
        raise UserError(
            f"{shown} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}; it has "
            f"{there}. Triplets need the columns {', '.join(COLUMNS)}."
        )
    return (*COLUMNS, *((SOURCE,) if SOURCE in names else ()))
