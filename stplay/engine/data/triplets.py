"""Triplets by name, and pairs, and rows of several negatives: read, checked and counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

from stplay.engine.data import datafolder, tables
from stplay.engine.data.columns import ColumnChooser, RowColumns
from stplay.engine.data.examples import Example, Shape, examples
from stplay.engine.data.tables import Row
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.sources.datasources import (
    ALL_NLI_REPOSITORY,
    COLUMNS,
    DataSource,
    OwnNames,
    columns_of,
    data_source,
)
from stplay.sources.firstrows import FirstRows
from stplay.sources.names import DATA_SUFFIXES, stem_of_file
from stplay.text import count, printable

if TYPE_CHECKING:
    from datasets import Dataset

    from stplay.engine.data.hub import DataFiles

ALIASES = {"dev": ("dev", "validation", "val")}


class Split(NamedTuple):
    """One split of a data set, with the columns of its rows and no empty sentence.

    Its ``triplets`` have one negative, several, or none: their columns are ``columns_of`` so many.
    """

    name: str
    triplets: Dataset
    skipped: int
    synthetic: bool

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in the order in which a loss takes them."""
        return self.triplets.column_names

    @property
    def negatives(self) -> int:
        """How many negatives each row has."""
        return len(self.columns) - 2


class OpenSplit(NamedTuple):
    """One split of a data set, being read: ``rows`` has the examples of each row, in its order.

    A row with an empty sentence has none. ``label`` is the name under which figures are shown,
    ``revision`` a Hub data set's commit; ``columns`` tells, once the rows were read, which of the
    file's are taken.
    """

    label: str
    rows: Iterator[list[Example]]
    synthetic: bool
    revision: str | None
    columns: RowColumns


class ReadSplit(NamedTuple):
    """One split of a data set, read; each of its ``rows`` has as many negatives as its ``shape``.

    ``remarks`` tell which columns were taken and what was left out, a sentence each.
    """

    name: str
    rows: list[Example]
    shape: Shape
    skipped: int
    synthetic: bool
    remarks: list[str]

    def load(self) -> Split:
        """The same with the columns as the trainer takes them."""
        from datasets import Dataset  # brings torch with it

        sentences = [
            [row.anchor for row in self.rows],
            [row.positive for row in self.rows],
            *([row.negatives[place] for row in self.rows] for place in range(self.shape.negatives)),
        ]
        columns = dict(zip(columns_of(self.shape.negatives), sentences, strict=True))
        return Split(self.name, Dataset.from_dict(columns), self.skipped, self.synthetic)


def first_rows(
    name: str,
    rows: int | None,
    shown: int,
    stages: Stages,
    columns: OwnNames | None = None,
) -> FirstRows:
    """The first ``shown`` training rows of data ``name``, of which ``rows`` would be used.

    Raises:
        UserError: as ``load_split``; a Hub data set is only looked into, not downloaded.
    """
    source = data_source(name)
    files = _hub_files(source, ("train",), stages) if source.kind == "hub" else None
    choice = _choice(source, columns)
    there = local_rows(source, "train", choice) if files is None else hub_rows(files, choice)
    first: list[Example] = []
    known = Counter[int]()
    skipped = several = 0
    whole = True
    for made in _examples(islice(there, rows), f"{source.label}-train"):
        skipped += not made
        several += len(made) > 1
        for example in made:
            negatives = len(example.negatives)
            known[negatives] += 1
            # Whatever number of negatives the rows turn out to have, these may be the first.
            if sum(known[own] for own in known if own >= negatives) <= shown:
                first.append(example)
        if known.total() > shown and (files is not None or source.kind == "sample"):
            whole = False  # all of it takes long to read
            break
    if not known:
        raise _no_rows(source, "train", COLUMNS[:2])
    shape = Shape.of(known)
    if whole:
        total = known.total() - shape.short
        first = [row for row in first if len(row.negatives) >= shape.negatives][:shown]
    elif source.kind == "sample":
        from stplay.engine.data.sample import ROWS

        total = min(rows or ROWS["train"], ROWS["train"])
    else:
        assert files is not None
        total = files.rows if rows is None or files.rows is None else min(rows, files.rows)
        total = None if several else total  # the card counts those of the data
    return FirstRows(
        triplets=[(row.anchor, row.positive, *row.negatives) for row in first[:shown]],
        rows=total,
        negatives=shape.negatives,
        skipped=skipped,
        synthetic=source.kind == "sample",
        remarks=choice.said + (shape.said if whole or not choice.has_negatives else []),
    )


def load_split(name: str, split: str, rows: int | None, stages: Stages) -> Split:
    """As ``read_split``, with the columns as the trainer takes them."""
    return read_split(name, split, rows, stages).load()


def read_split(
    name: str,
    split: str,
    rows: int | None,
    stages: Stages,
    columns: OwnNames | None = None,
) -> ReadSplit:
    """The first ``rows`` rows of the split (``train``, ``dev`` or ``test``) of data ``name``.

    ``columns`` are the data's own names of those that have no usual one. Each positive of a row
    makes a row; how many negatives all have, ``Shape.of`` decides.

    Raises:
        UserError: the data is missing, damaged, empty, or lacks a column or the split.
    """
    opened = open_split(name, split, rows, stages, columns)
    read: list[Example] = []
    skipped = 0
    for made in opened.rows:
        skipped += not made
        read += made
    shape = Shape.of(Counter(len(row.negatives) for row in read))
    kept = [row for row in read if len(row.negatives) >= shape.negatives]
    if shape.beyond:
        kept = [row._replace(negatives=row.negatives[: shape.negatives]) for row in kept]
    left_out = [*shape.said]
    if skipped:
        left_out.append(f"rows with an empty sentence are left out ({count(skipped)})")
    said = filter(None, (", ".join(opened.columns.said), ", ".join(left_out)))
    remarks = [f"Of {printable(opened.label)}, {each}." for each in said]
    return ReadSplit(opened.label, kept, shape, skipped, opened.synthetic, remarks)


def open_split(
    name: str,
    split: str,
    rows: int | None,
    stages: Stages,
    columns: OwnNames | None = None,
    *,
    triplets: bool = False,
) -> OpenSplit:
    """The first ``rows`` rows of a split of data ``name``, to be read one after the other.

    Raises:
        UserError: the data is missing, damaged, empty, or lacks a column or the split; also while
            its rows are read. Where they are to make ``triplets``, negatives are needed too.
    """
    source = data_source(name)
    label = source.split_label(split)
    stages.progress(f"reading {label}")
    revision, choice = None, _choice(source, columns)
    if source.kind == "hub":
        files = _hub_files(source, _aliases(split), stages)
        files.download(stages)
        found, revision = hub_rows(files, choice), files.repository.commit
    else:
        found = local_rows(source, split, choice)
    read = _told(label, _examples(islice(found, rows), label), rows, stages)
    needed = _needed(source, split, read, choice, triplets=triplets)
    return OpenSplit(label, needed, source.kind == "sample", revision, choice)


def _choice(source: DataSource, columns: OwnNames | None) -> RowColumns:
    # What stplay itself gives a name to is called as it should be, beside whatever else is read.
    return RowColumns(None if source.place == ALL_NLI_REPOSITORY else columns)


def _examples(rows: Iterator[Row], label: str) -> Iterator[list[Example]]:
    return (examples(row, label, number) for number, row in enumerate(rows, 1))


def _told(
    label: str, found: Iterator[list[Example]], rows: int | None, stages: Stages
) -> Iterator[list[Example]]:
    """The rows as they are, their reading told."""
    stage, number = f"reading {label}", 0
    for number, made in enumerate(found, 1):
        yield made
        if number % 1000 == 0:
            stages.progress(stage, number, rows, "rows")
    if number:
        stages.progress(stage, number, number, "rows")


def _needed(
    source: DataSource,
    split: str,
    found: Iterator[list[Example]],
    choice: RowColumns,
    *,
    triplets: bool,
) -> Iterator[list[Example]]:
    """The rows as they are; a split without any that can be used is a mistake."""
    rows = usable = 0
    for made in found:
        rows += len(made)
        usable += any(row.negatives for row in made) if triplets else len(made)
        yield made
    if rows and not usable and not choice.has_negatives:
        raise choice.no_negatives
    if not usable:
        raise _no_rows(source, split, COLUMNS if triplets else COLUMNS[:2])


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
            from stplay.engine.data import hub

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


def _no_rows(source: DataSource, split: str, needed: Sequence[str]) -> UserError:
    *first, last = needed
    return UserError(
        f"{printable(source.place)} has no {'triplets' if 'negative' in needed else 'rows'} for "
        f"{split}; each row needs a non-empty {', '.join(first)} and {last}."
    )


def _hub_files(source: DataSource, aliases: tuple[str, ...], stages: Stages) -> DataFiles:
    from stplay.engine.data import hub  # its client takes longer to import than most data to read

    return hub.data_files(source, aliases, stages)


def hub_rows(files: DataFiles, choose: ColumnChooser) -> Iterator[Row]:
    """The rows of a Hub data set's split, with the columns that ``choose`` wants.

    Raises:
        UserError: the Hub fails, or a file cannot be read as what its name says.
    """
    from stplay.engine.data import hub

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
        if places := splits.get(alias):
            return [file for place in places for file in datafolder.shards(place)]
    names = ", ".join(f"{split}{suffix}" for suffix in DATA_SUFFIXES)
    there = f"; it has {printable(', '.join(splits))}" if splits else ""
    raise UserError(
        f"The folder {printable(source.place)} has no file for {split} ({names}){there}."
    )
