"""Where triplets come from: data by name, found."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from stplay.errors import UserError
from stplay.sources import names
from stplay.sources.names import (
    DATA_SUFFIXES,
    HubName,
    PathName,
    Reserved,
    kind_of_file,
    parse,
    stem_of_file,
)
from stplay.sources.paths import holds
from stplay.text import count, printable

ALL_NLI_REPOSITORY = "sentence-transformers/all-nli"
ALL_NLI_REVISION = "d482672c8e74ce18da116f430137434ba2e52fab"
Column = Literal["anchor", "positive", "negative"]
COLUMNS: tuple[Column, ...] = ("anchor", "positive", "negative")
# The data's own names of those columns that have no usual one; the negatives may be in several.
OwnNames = Mapping[Column, str | list[str]]
SAVED = "state.json"  # of the datasets library, in what ``save_to_disk`` has made
SPLIT_NAMES = ("train", "dev", "validation", "val", "test")


def columns_of(negatives: int) -> tuple[str, ...]:
    """The columns of rows with so many ``negatives``, in the order in which a loss takes them.

    Source: ``MultipleNegativesRankingLoss`` of sentence-transformers.
    """
    if negatives < 2:
        return COLUMNS[: 2 + negatives]
    return (*COLUMNS[:2], *(f"negative_{number}" for number in range(1, negatives + 1)))


def rows_word(negatives: int) -> str:
    """What rows with so many ``negatives`` are called."""
    several = f"rows of {count(negatives)} negatives"
    return ("pairs", "triplets")[negatives] if negatives < 2 else several


class DataSource(NamedTuple):
    """Where triplets come from. ``place`` is a path or a Hub repository's name.

    A data set that ``save_to_disk`` of the datasets library has made is as one ``file``.
    """

    kind: Literal["sample", "hub", "file", "folder"]
    place: str
    revision: str | None = None
    configuration: str | None = None

    @property
    def label(self) -> str:
        """The short name under which figures of this data are shown."""
        if self.kind == "sample":
            return "sample"
        path = Path(self.place)
        if self.kind != "file":
            return path.name
        # A file that is called after its split says nothing; its folder does.
        stem = stem_of_file(self.place)
        return path.parent.name if stem in SPLIT_NAMES else stem

    def split_label(self, split: str) -> str:
        """The short name under which figures of a split of this data are shown."""
        return self.label if split == self.label else f"{self.label}-{split}"


def data_source(name: str) -> DataSource:
    """Where the triplets called ``name`` come from.

    Raises:
        UserError: the name has no known form, or what it names is missing.
    """
    match parse(name):
        case Reserved(name=names.SAMPLE):
            return DataSource("sample", name)
        case Reserved(name=names.ALL_NLI):
            return DataSource("hub", ALL_NLI_REPOSITORY, ALL_NLI_REVISION, "triplet")
        case PathName(path):
            return _on_disk(name, path)
        case HubName(repository, revision):
            configuration = "triplet" if repository == ALL_NLI_REPOSITORY else None
            return DataSource("hub", repository, revision, configuration)
    raise UserError(
        f"{printable(name)!r} names no data; data is {names.SAMPLE}, {names.ALL_NLI}, a Hub name "
        f"such as org/name or org/name@revision, a {', '.join(DATA_SUFFIXES)} file, or a folder of "
        "them."
    )


def is_saved(path: Path) -> bool:
    """Whether ``save_to_disk`` of the datasets library has made the folder, of one data set."""
    return (path / SAVED).is_file() and (path / "dataset_info.json").is_file()


def _on_disk(name: str, path: Path) -> DataSource:
    if holds(path.is_dir):
        kind = "file" if is_saved(path) else "folder"
        return DataSource(kind, str(path.absolute()))
    if not holds(path.is_file):
        raise UserError(f"There is no data file or folder {printable(name)}.")
    if kind_of_file(path.name) not in DATA_SUFFIXES:
        raise UserError(
            f"{printable(name)} is not a {', '.join(DATA_SUFFIXES[:-1])} or {DATA_SUFFIXES[-1]} "
            "file."
        )
    return DataSource("file", str(path.absolute()))
