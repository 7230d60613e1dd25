"""What an epoch takes of the training split, known before the first step."""

from __future__ import annotations

import time
from typing import Any

import torch
from sentence_transformers.base.sampler import NoDuplicatesBatchSampler

from stplay.engine.data.triplets import Split
from stplay.engine.training.numberedtriplets import NumberedTriplets
from stplay.engine.worker.stages import Stages
from stplay.jobs.events import Epoch
from stplay.runs.recipesections import TrainingSection

MOST_SECONDS = 2.0


def first_epoch(split: Split, training: TrainingSection, stages: Stages) -> Epoch:
    """What the first epoch of ``training`` takes of ``split``.

    The trainer takes as many batches as the rows would fill. Where sentences are shared by many
    rows, the library's sampler that keeps duplicates out of a batch makes smaller ones, and the
    rest of the rows is not reached. Its own batches are made here, over numbers that stand for the
    sentences; where that takes longer than ``MOST_SECONDS``, the batches not made are taken to be
    like the last one.
    """
    rows, size = len(split.triplets), training.per_device_train_batch_size
    batches = -(-rows // size)
    if training.batch_sampler != "no_duplicates":
        return Epoch(rows=rows, batches=batches, batch_size=size)
    stages.progress("making the batches of an epoch")
    generator = torch.Generator()
    numbered: Any = NumberedTriplets(split.triplets)
    sampler = NoDuplicatesBatchSampler(
        numbered,
        size,
        drop_last=False,
        generator=generator,
        seed=training.seed,
    )
    begun, seen = time.monotonic(), 0
    for made, batch in enumerate(sampler, 1):
        seen += len(batch)
        if made == batches:
            break
        if time.monotonic() - begun > MOST_SECONDS:
            seen = min(rows, seen + (batches - made) * len(batch))
            return Epoch(rows=seen, batches=batches, batch_size=size, exact=False)
    return Epoch(rows=seen, batches=batches, batch_size=size)
