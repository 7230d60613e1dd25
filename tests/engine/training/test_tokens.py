"""Triplets are tokenized once, as the model's own preprocessing does it, and kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from smallmodels import random_triplets, small_model

from stplay.engine.data.triplets import Split
from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.training.tokens import MOST_FILES, TokenizedSplit
from stplay.engine.worker.stages import Stages
from stplay.jobs.eventlog import EventReader, EventWriter
from stplay.jobs.events import StageProgressed
from stplay.sources.datasources import columns_of


def split_of(seed: int, rows: int = 40, negatives: int = 1) -> Split:
    columns = [[*column] for column in zip(*random_triplets(seed, rows), strict=True)]
    columns += [columns[2][place:] + columns[2][:place] for place in range(1, negatives)]
    named = dict(zip(columns_of(negatives), columns, strict=False))
    return Split("some-train", Dataset.from_dict(named), 0, False)


@pytest.fixture
def stages(tmp_path: Path) -> Stages:
    return Stages(EventWriter(tmp_path / "events.jsonl"), seconds=0)


@pytest.fixture
def model(tmp_path: Path) -> SentenceTransformer:
    return small_model(1, tmp_path / "model")


def told(events: Path) -> int:
    """How often it was told how far the tokenizing is."""
    found = [event for event in EventReader(events).read() if isinstance(event, StageProgressed)]
    return [event.stage for event in found].count("tokenizing some-train")


@pytest.mark.parametrize("negatives", [0, 1, 5])
def test_tokens_equal_the_librarys(
    negatives: int, home: Path, model: SentenceTransformer, stages: Stages
) -> None:
    split = split_of(0, negatives=negatives)
    tokenized = TokenizedSplit(PackedModel(model), split, stages)
    rows: Any = tokenized.rows
    for column, lengths in zip(split.columns, tokenized.lengths.T, strict=True):
        features = model.preprocess(list(split.triplets[column]))
        for row, length, ids, mask in zip(
            rows, lengths, features["input_ids"], features["attention_mask"], strict=True
        ):
            np.testing.assert_array_equal(row[column], ids[mask.bool()])
            assert length == mask.sum()
    keys = [39, 0, 7, 7]
    for fetched, key in zip(tokenized.rows.__getitems__(keys), keys, strict=True):
        assert [*fetched] == split.columns
        for column in split.columns:
            np.testing.assert_array_equal(fetched[column], rows[key][column])
            assert fetched[column].dtype == np.int32
    every = np.concatenate([row[column] for row in rows for column in split.columns])
    np.testing.assert_array_equal(tokenized.used, np.unique(every))


def test_a_second_start_reads_what_the_first_has_kept(
    home: Path, model: SentenceTransformer, tmp_path: Path, stages: Stages
) -> None:
    first = TokenizedSplit(PackedModel(model), split_of(0), stages)
    (kept,) = (home / "cache" / "tokens").iterdir()
    before = kept.stat().st_ino
    count = told(tmp_path / "events.jsonl")
    assert count > 0
    model.encode(["Another use of the tokenizer leaves it cutting and padding differently."])
    second = TokenizedSplit(PackedModel(model), split_of(0), stages)
    assert told(tmp_path / "events.jsonl") == count
    assert kept.stat().st_ino == before
    np.testing.assert_array_equal(first.lengths, second.lengths)


def test_other_sentences_shapes_tokenizers_or_limits_are_other_tokens(
    home: Path, model: SentenceTransformer, tmp_path: Path, stages: Stages
) -> None:
    TokenizedSplit(PackedModel(model), split_of(0), stages)
    TokenizedSplit(PackedModel(model), split_of(1), stages)
    texts = [f"{number}" for number in range(12)]
    for names in (columns_of(0), columns_of(1)):  # column by column, the same sentences
        rows = len(texts) // len(names)
        named = {name: texts[n * rows :][:rows] for n, name in enumerate(names)}
        other = Split("some-train", Dataset.from_dict(named), 0, False)
        assert TokenizedSplit(PackedModel(model), other, stages).rows.column_names == [*names]
    model.max_seq_length = 5
    cut = TokenizedSplit(PackedModel(model), split_of(0), stages)
    assert cut.lengths.max() == 5
    assert len([*(home / "cache" / "tokens").iterdir()]) == 5


def test_the_files_used_last_are_kept_and_nothing_half_done(
    home: Path, model: SentenceTransformer, tmp_path: Path, stages: Stages
) -> None:
    packed, folder = PackedModel(model), home / "cache" / "tokens"
    for seed in range(MOST_FILES):
        TokenizedSplit(packed, split_of(seed, 3), stages)
        for age, path in enumerate(sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)):
            os.utime(path, (age, age))
    TokenizedSplit(packed, split_of(0, 3), stages)  # the oldest is used again
    TokenizedSplit(packed, split_of(99, 3), stages)
    assert len([*folder.glob("*.arrow")]) == MOST_FILES == len([*folder.iterdir()])
    count = told(tmp_path / "events.jsonl")
    TokenizedSplit(packed, split_of(0, 3), stages)
    assert told(tmp_path / "events.jsonl") == count
    TokenizedSplit(packed, split_of(1, 3), stages)
    assert told(tmp_path / "events.jsonl") > count
