"""Where memory runs out for one of several processes, all take the step again, alike."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from conftest import write_triplets
from limited import Limited
from manyranks import in_ranks
from rankedtraining import STEPS, RankedTraining
from smallmodels import small_model
from torch import Tensor

from stplay.engine.worker.ranks import Ranks
from stplay.jobs.events import Event, PackingShrunk

ROUNDING_ALONE = "attention.self.key.bias"


class Short(NamedTuple):
    """What was trained where memory is short."""

    losses: list[float]
    weights: dict[str, Tensor]
    shrunk: list[tuple[int, int]]
    failed: int
    most_tokens: int


class Told(list[Event]):
    """What events were told."""

    write = list[Event].append


def trained(ranks: Ranks, training: RankedTraining, short: dict[int, int], most: int = 60) -> Short:
    """What is trained where the ranks ``short`` have memory for few tokens from a call on."""
    made = training.made(ranks)
    first = short.get(ranks.rank, 1 << 30)
    limited = Limited(
        made.fast.embedder,
        lambda call: most if call >= first else 1 << 30,
        torch.OutOfMemoryError,
        "CUDA out of memory.",
    )
    made.fast.embedder = made.loss.embed = limited
    told = made.trainer.events = Told()
    made.trainer.train()
    shrunk = [(event.step, event.most_tokens) for event in told if isinstance(event, PackingShrunk)]
    collator = made.trainer.collator
    return Short(made.losses, made.weights, shrunk, limited.failed, collator.most_tokens)


# The rank and the call of its embedder from which on memory is short; a batch is one call where it
# fits, and of several packings the second forward of all but the first comes after the exchange.
CASES: dict[str, tuple[int, dict[int, int], dict[str, Any]]] = {
    "the first step": (2, {1: 0}, {}),
    "the first rank, later": (3, {0: 3}, {}),
    "all at once": (2, {0: 2, 1: 2}, {}),
    "one after the other": (2, {0: 1, 1: 12}, {}),
    "the second batch of a step": (2, {1: 4}, {"gradient_accumulation_steps": 3}),
    "after the exchange": (2, {1: 4}, {"most_tokens": 100}),
}


def all_trained(ranks: Ranks, trainings: dict[str, RankedTraining]) -> dict[str, Short]:
    """What each case trains, one after the other in the same processes."""
    return {case: trained(ranks, each, CASES[case][1]) for case, each in trainings.items()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> RankedTraining:
    """A training of triplets with nothing changed."""
    folder = tmp_path_factory.mktemp("plain")
    write_triplets(folder / "train.jsonl", 120)
    return RankedTraining(folder, small_model(3, folder / "transformer"))


@pytest.mark.parametrize("size", sorted({size for size, _, _ in CASES.values()}))
def test_what_is_trained_is_what_enough_memory_would_have_trained(
    tmp_path: Path, plain: RankedTraining, size: int
) -> None:
    cases = {case: changes for case, (its, _, changes) in CASES.items() if its == size}
    trainings = {case: replace(plain, changes=changes) for case, changes in cases.items()}
    ranks = in_ranks(size, tmp_path, partial(all_trained, trainings=trainings))
    for case, changes in cases.items():
        enough = {name: value for name, value in changes.items() if name != "most_tokens"}
        losses, weights, _ = replace(plain, changes=enough)()
        assert len(losses) == STEPS
        found = [each[case] for each in ranks]
        assert {rank for rank, each in enumerate(found) if each.failed} == {*CASES[case][1]}, case
        assert len({each.most_tokens for each in found}) == 1, case
        for own in found:
            assert own.shrunk, case
            assert own.shrunk == found[0].shrunk, case
            assert own.losses == pytest.approx(losses, abs=1e-5), case
            for name, weight in own.weights.items():
                if ROUNDING_ALONE not in name:
                    np.testing.assert_allclose(
                        weight, weights[name], rtol=0, atol=1e-4, err_msg=f"{case}: {name}"
                    )
