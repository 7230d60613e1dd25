"""What the processor does for a step without any model: on a fast GPU, that is the floor.

    python -m pytest --override-ini norecursedirs= -s tests/bench/test_host.py

The baseline is the same batches, read as the library reads them: rows through Arrow.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from datasets import Dataset
from sentence_transformers.base.sampler import NoDuplicatesBatchSampler
from smallmodels import small_model
from torch.utils.data import DataLoader

from stplay.engine.data.triplets import load_split
from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.training.numberedtriplets import NumberedTriplets
from stplay.engine.training.tokens import TokenizedSplit
from stplay.engine.training.trainer import PackedCollator
from stplay.engine.worker.stages import Stages
from stplay.jobs.eventlog import EventWriter

BATCHES, ROUNDS = 100, 5


def batches(rows: Any, sampled: Any, size: int) -> Iterator[Any]:
    """The packed batches of an epoch, shaped for a GPU."""
    generator = torch.Generator().manual_seed(0)
    sampler = NoDuplicatesBatchSampler(sampled, size, drop_last=False, generator=generator)
    collator = PackedCollator(preprocess_fn=dict, most_tokens=1 << 20, on_gpu=True)
    return iter(DataLoader(rows, batch_sampler=sampler, collate_fn=collator))


def milliseconds(made: Iterator[Any]) -> float:
    """Of the processor, for each batch."""
    next(made)
    begun = time.process_time()
    for _ in range(BATCHES):
        next(made)
    return (time.process_time() - begun) * 1e3 / BATCHES


@pytest.mark.parametrize("size", [16, 64])
def test_a_step_without_a_model(size: int, home: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    stages = Stages(EventWriter(Path(os.devnull)))
    split = load_split("builtin:sample", "train", None, stages)
    tokenized = TokenizedSplit(PackedModel(small_model(1, tmp_path)), split, stages)
    read = Dataset(tokenized.rows.data).with_format("numpy")
    ours, library = [], []
    for _ in range(ROUNDS):
        library.append(milliseconds(batches(read, split.triplets, size)))
        ours.append(milliseconds(batches(tokenized.rows, NumberedTriplets(split.triplets), size)))
    print(
        f"\n{size} triplets: {median(ours):.2f} ms of the processor a step, "
        f"{median(library):.2f} ms by rows of Arrow, {median(library) / median(ours):.1f}x"
    )
