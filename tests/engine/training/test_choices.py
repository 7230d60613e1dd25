"""A plan measures the steps that a training takes, recorded ones too, and says what fits."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from conftest import write_triplets
from fasttraining import FastTraining
from limited import Limited
from rerun import Rerun

from stplay.engine.training import choices as measuring
from stplay.engine.training.choices import choices
from stplay.engine.training.embedder import Embedder

OUT_OF_MEMORY = torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 2.00 GiB."


@pytest.fixture
def training(tmp_path: Path) -> FastTraining:
    write_triplets(tmp_path / "train.jsonl", 320)
    return FastTraining(tmp_path, per_device_train_batch_size=16)


def only_for(tokens: int, embedder: Embedder) -> Limited:
    return Limited(embedder, lambda call: tokens, *OUT_OF_MEMORY)


def test_what_runs_out_of_memory_is_told_and_smaller_ones_are_measured(
    training: FastTraining,
) -> None:
    fast, told = training.fast, []
    *larger, smallest = choices(training.recipe, fast, fast.stages, pytest.fail)
    assert len(larger) == 2
    fast.embedder = limited = only_for(smallest.tokens, fast.embedder)
    (fits,) = choices(training.recipe, fast, fast.stages, told.append)
    assert fits.mini_batch_size == smallest.mini_batch_size
    assert told == [
        f"The memory ran out with loss.mini_batch_size = {each.mini_batch_size}." for each in larger
    ]
    assert limited.failed == 2
    assert limited.alive[:3] == [0, 0, 0]  # nothing of what failed is in the way of the next
    fast.embedder = only_for(5 * fast.longest, limited)
    (few,) = choices(training.recipe, fast, fast.stages, told.append)
    assert few.mini_batch_size == 4  # half of the smallest that is measured otherwise
    assert few.tokens == 4 * fast.longest
    fast.embedder = only_for(0, limited)
    with pytest.raises(torch.OutOfMemoryError):
        list(choices(training.recipe, fast, fast.stages, told.append))


def test_recorded_steps_are_measured(
    training: FastTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "RECORDED_STEPS", 8)
    monkeypatch.setattr(measuring, "MINI_BATCHES", ())
    fast, recorders = training.fast, []

    def record() -> Rerun:
        recorders.append(Rerun())
        return recorders[-1]

    fast.recorder = record
    weights = {name: weight.clone() for name, weight in training.weights.items()}
    recorded, whole = choices(training.recipe, fast, fast.stages, pytest.fail)
    assert recorded.forwards == whole.forwards == 1
    assert recorded.memory_bytes > whole.memory_bytes
    first, second = recorders  # the memory of one is free before the next is there
    assert first.forwards == first.backwards > 0
    assert second.recorded == 0
    for name, weight in training.weights.items():
        assert torch.equal(weight, weights[name])
