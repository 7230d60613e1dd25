"""The triplets of a split as token ids: made once, kept in the cache, read from mapped memory."""

from __future__ import annotations

import hashlib
import os
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import datasets
import numpy as np
from numpy.typing import NDArray

from stplay import home
from stplay.engine.data.triplets import Split
from stplay.engine.packed.packedmodel import TOKENIZED_TOGETHER, PackedModel
from stplay.engine.worker.stages import Stages

MOST_FILES = 16


class TokenizedSplit:
    """Token ids of a split's triplets; ``rows`` has a list of ids for each of the columns."""

    def __init__(self, packed: PackedModel, split: Split, stages: Stages) -> None:
        """Read them from the cache, or tokenize the split as ``packed`` does and keep them."""
        folder = home.cache_folder() / "tokens"
        path = folder / f"{_key(packed, split)}.arrow"
        if path.is_file():
            os.utime(path)  # the files used last are kept
        else:
            folder.mkdir(parents=True, exist_ok=True)
            _tokenize(packed, split, path, stages)
            for old in sorted(folder.glob("*.arrow"), key=_used)[:-MOST_FILES]:
                old.unlink(missing_ok=True)
        self.rows = cast("TokenRows", TokenRows.from_file(str(path)))
        lists = self.rows.lists
        self.lengths: NDArray[np.integer] = np.stack(
            [column.value_lengths().to_numpy() for column in lists], axis=1
        )
        """The number of tokens of each sentence, of shape (rows, columns)."""
        self.used: NDArray[np.int32] = np.unique(
            np.concatenate([np.unique(column.flatten().to_numpy()) for column in lists])
        )
        """The ids that are there, each once, in order."""


class TokenRows(datasets.Dataset):
    """Rows of token ids, many of which are fetched without going through Arrow for each."""

    @cached_property
    def lists(self) -> list[Any]:
        """The Arrow list of each column."""
        return [self.data.column(column).combine_chunks() for column in self.column_names]

    @cached_property
    def _columns(self) -> list[tuple[str, NDArray[np.int32], NDArray[np.int32]]]:
        """Of each column its name, the ids of all its sentences, and where each one begins."""
        parts = [(each.flatten().to_numpy(), each.offsets.to_numpy()) for each in self.lists]
        return [
            (column, ids, starts - starts[0])
            for column, (ids, starts) in zip(self.column_names, parts, strict=True)
        ]

    def __getitems__(self, keys: Any) -> list[dict[str, NDArray[np.int32]]]:
        """As the library's, the ids in the mapped file, not copied."""
        return [
            {column: ids[starts[key] : starts[key + 1]] for column, ids, starts in self._columns}
            for key in keys
        ]


def _key(packed: PackedModel, split: Split) -> str:
    digest = hashlib.sha256(packed.tokenizer_state)
    for column in split.columns:
        digest.update(column.encode())
        for sentence in split.triplets[column]:
            digest.update(f"{len(sentence)}:{sentence}".encode(errors="surrogatepass"))
    return digest.hexdigest()[:32]


def _tokenize(packed: PackedModel, split: Split, path: Path, stages: Stages) -> None:
    stage, done = f"tokenizing {split.name}", 0

    def ids(rows: dict[str, list[str]]) -> dict[str, list[Any]]:
        nonlocal done
        tokenized = {column: packed.tokenize(each).sentences for column, each in rows.items()}
        done += len(rows["anchor"])
        stages.progress(stage, done, len(split.triplets), "rows")
        return tokenized

    lists = {column: datasets.List(datasets.Value("int32")) for column in split.columns}
    partial = path.with_suffix(f".{os.getpid()}.partial")
    try:
        split.triplets.map(
            ids,
            batched=True,
            batch_size=TOKENIZED_TOGETHER,
            features=datasets.Features(lists),
            cache_file_name=str(partial),
            new_fingerprint=path.stem,  # else it is taken of the function, and so of the model
        )
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _used(path: Path) -> float:
    return path.stat().st_mtime
