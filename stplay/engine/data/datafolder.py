"""A folder of data on the disk: which of its files hold which split."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from stplay.engine.data.repofiles import SPLIT_WORD, layout, read_card
from stplay.errors import UserError
from stplay.sources.datasources import SAVED, SPLIT_NAMES
from stplay.sources.names import DATA_SUFFIXES, kind_of_file, stem_of_file
from stplay.text import printable

SAVED_SPLITS = "dataset_dict.json"
CARD = "README.md"
MOST_DEPTH = 3  # configuration/data/train-00000-of-00001.parquet
SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def splits(folder: Path) -> dict[str, list[Path]]:
    """The places of each split in ``folder``, none twice; their ``shards`` are its files.

    It is one of these: what ``DatasetDict.save_to_disk`` of the datasets library has made; a file
    for each split, called after it; or what a repository of the Hub holds, where the card's
    ``configs`` or the names of files and folders tell the split, and a split may be in many files.

    Raises:
        UserError: what says so, the card or the library's own file, is damaged.
    """
    if (folder / SAVED_SPLITS).is_file():
        names = _json(folder / SAVED_SPLITS, "splits")
        return {name: [folder / name] for name in names}
    called = _called(folder)
    if called.keys() & {*SPLIT_NAMES}:
        return called
    whole = {name: files for name, files in called.items() if not SHARD.search(name)}
    return whole | _as_on_the_hub(folder)


def shards(place: Path) -> list[Path]:
    """The files of the one data set at ``place``: itself, or what ``save_to_disk`` made of it.

    Raises:
        UserError: what ``save_to_disk`` has made is damaged, or not whole.
    """
    if not place.is_dir():
        return [place]
    files = [place / str(entry.get("filename")) for entry in _json(place / SAVED, "_data_files")]
    if missing := [file for file in files if not file.is_file()]:
        raise UserError(f"{printable(str(missing[0]))} is missing; copy the whole folder again.")
    return files


def _called(folder: Path) -> dict[str, list[Path]]:
    """The files right in ``folder`` by what they are called; of two formats the handier one."""
    found = [path for path in folder.iterdir() if kind_of_file(path.name) in DATA_SUFFIXES]
    found.sort(key=lambda path: DATA_SUFFIXES.index(kind_of_file(path.name)), reverse=True)
    return dict(sorted((stem_of_file(path.name), [path]) for path in found if path.is_file()))


def _as_on_the_hub(folder: Path) -> dict[str, list[Path]]:
    shown, card = printable(str(folder)), folder / CARD
    described = read_card(card, shown) if card.is_file() else {}
    globs = ("/".join("*" * depth) for depth in range(1, MOST_DEPTH + 1))
    paths = chain.from_iterable(folder.glob(each) for each in globs)
    names = [path.relative_to(folder).as_posix() for path in paths if path.is_file()]
    if not described.get("configs"):  # what is called after no split is one of its own
        names = [name for name in names if "/" in name or SPLIT_WORD.search(name)]
    try:
        found = layout(described, names, None)
    except LookupError as error:
        raise UserError(
            f"{shown} has the configurations {printable(str(error))}; name the folder or the file "
            "of the one you want."
        ) from None
    return {split: [folder / name for name in files] for split, files in found.splits.items()}


def _json(path: Path, field: str) -> Sequence[Any]:
    """The list in ``field`` of a file of the datasets library's."""
    shown = printable(str(path))
    try:
        value = json.loads(path.read_text(encoding="utf-8"))[field]
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {error.strerror or error}.") from None
    except (ValueError, LookupError, TypeError, RecursionError):
        value = None
    known = str if field == "splits" else dict
    if not isinstance(value, list) or not value or not all(isinstance(e, known) for e in value):
        raise UserError(f"{shown} is damaged; save the data set again.")
    return value
