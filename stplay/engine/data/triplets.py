"""Triplets by name: read, checked and counted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from stplay.engine.data import datafolder, hub, tables
from stplay.engine.data.columns import SOURCE, ColumnChooser, TripletColumns
from stplay.engine.data.tables import Row
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.sources.datasources import ALL_NLI_REPOSITORY, COLUMNS, Column, DataSource, data_source
from stplay.sources.firstrows import FirstRows
from stplay.sources.names import DATA_SUFFIXES, stem_of_file
from stplay.text import printable

if TYPE_CHECKING:
    from datasets import Dataset

ALIASES = {"dev": ("dev", "validation", "val")}


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

    ``label`` is the name under which its figures are shown, ``revision`` a Hub data set's commit;
    ``columns`` tells, once the first row was read, which of the file's are taken.
    """

    label: str
    triplets: Iterator[Triplet | None]
    synthetic: bool
    revision: str | None
    columns: TripletColumns


class ReadSplit(NamedTuple):
    """One split of a data set, read; ``remark`` tells which columns were taken, or is empty."""

    name: str
    rows: list[Triplet]
    skipped: int
    synthetic: bool
    remark: str

    def load(self) -> Split:
        """The same with the columns as the trainer takes them."""
        from datasets import Dataset  # brings torch with it

        columns = {name: [row[i] for row in self.rows] for i, name in enumerate(COLUMNS)}
        return Split(self.name, Dataset.from_dict(columns), self.skipped, self.synthetic)


def first_rows(
    name: str,
    rows: int | None,
    shown: int,
    stages: Stages,
    columns: Mapping[Column, str] | None = None,
) -> FirstRows:
    """The first ``shown`` training triplets of data ``name``, of which ``rows`` would be used.

    Raises:
        UserError: as ``load_split``; a Hub data set is only looked into, not downloaded.
    """
    source = data_source(name)
    files = hub.data_files(source, ("train",), stages) if source.kind == "hub" else None
    choice = _choice(source, columns)
    there = local_rows(source, "train", choice) if files is None else hub_rows(files, choice)
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

        total = min(rows or ROWS["train"], ROWS["train"])
        return FirstRows(triplets=found, rows=total, skipped=skipped, synthetic=True)
    if files is None:
        return FirstRows(triplets=found, rows=kept, skipped=skipped, columns=choice.said)
    total = files.rows if rows is None or files.rows is None else min(rows, files.rows)
    return FirstRows(triplets=found, rows=total, skipped=skipped, columns=choice.said)


def load_split(name: str, split: str, rows: int | None, stages: Stages) -> Split:
    """As ``read_split``, with the columns as the trainer takes them."""
    return read_split(name, split, rows, stages).load()


def read_split(
    name: str,
    split: str,
    rows: int | None,
    stages: Stages,
    columns: Mapping[Column, str] | None = None,
) -> ReadSplit:
    """The first ``rows`` rows of the split (``train``, ``dev`` or ``test``) of data ``name``.

    ``columns`` are the data's own names of those that have no usual one.

    Raises:
        UserError: the data is missing, damaged, empty, or lacks a column or the split.
    """
    opened = open_split(name, split, rows, stages, columns)
    found = list(opened.triplets)
    kept = [triplet for triplet in found if triplet is not None]
    skipped = len(found) - len(kept)
    remark = opened.columns.remark(opened.label)
    return ReadSplit(opened.label, kept, skipped, opened.synthetic, remark)


def open_split(
    name: str,
    split: str,
    rows: int | None,
    stages: Stages,
    columns: Mapping[Column, str] | None = None,
) -> OpenSplit:
    """The first ``rows`` rows of a split of data ``name``, to be read one after the other.

    Raises:
        UserError: the data is missing, damaged, empty, or lacks a column or the split; also while
            its rows are read.
    """
    source = data_source(name)
    label = source.split_label(split)
    stages.progress(f"reading {label}")
    revision, choice = None, _choice(source, columns)
    if source.kind == "hub":
        files = hub.data_files(source, _aliases(split), stages)
        files.download(stages)
        found, revision = hub_rows(files, choice), files.repository.commit
    else:
        found = local_rows(source, split, choice)
    triplets = _told(source, split, _triplets(islice(found, rows), label), rows, stages)
    return OpenSplit(label, triplets, source.kind == "sample", revision, choice)


def _choice(source: DataSource, columns: Mapping[Column, str] | None) -> TripletColumns:
    # What stplay itself gives a name to is called as it should be, beside whatever else is read.
    return TripletColumns(None if source.place == ALL_NLI_REPOSITORY else columns)


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
            there = [stem_of_file(source.place)]
        case "folder":
            there = [*datafolder.splits(Path(source.place))]
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


def hub_rows(files: hub.DataFiles, choose: ColumnChooser) -> Iterator[Row]:
    """The rows of a Hub data set's split, with the columns that ``choose`` wants.

    Raises:
        UserError: the Hub fails, or a file cannot be read as what its name says.
    """
    try:
        for shown, file in files.open():
            yield from tables.rows(file, shown, choose)
    except hub.NETWORK_ERRORS as error:
        raise files.repository.told(error) from error


def local_rows(source: DataSource, split: str, choose: ColumnChooser) -> Iterator[Row]:
    """The rows of a split that needs no network: the sample's, a file's or a folder's.

    Raises:
        UserError: there is no such file, or it cannot be read as what its name says.
    """
    if source.kind == "sample":
        from stplay.engine.data import sample

        yield from (
            triplet._asdict() for triplet in sample.generate(cast("sample.SampleSplit", split))
        )
        return
    for path in _split_files(source, split):
        shown = printable(str(path))
        try:
            with path.open("rb") as file:
                yield from tables.rows(file, shown, choose)
        except OSError as error:
            raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from None


def _split_files(source: DataSource, split: str) -> list[Path]:
    place = Path(source.place)
    if source.kind == "file":
        return datafolder.shards(place)
    splits = datafolder.splits(place)
    for alias in _aliases(split):
        if files := splits.get(alias):
            return files
    names = ", ".join(f"{split}{suffix}" for suffix in DATA_SUFFIXES)
    there = f"; it has {printable(', '.join(splits))}" if splits else ""
    raise UserError(
        f"The folder {printable(source.place)} has no file for {split} ({names}){there}."
    )
