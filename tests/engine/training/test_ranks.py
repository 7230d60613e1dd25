"""Several processes take the steps of one: the same losses, the same weights, on each of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import write_triplets
from manyranks import in_ranks
from rankedtraining import STEPS, RankedTraining, Trained
from smallmodels import small_model
from torch import nn

from stplay.engine.training.sameness import check_same
from stplay.engine.worker.place import Place
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.errors import UserError
from stplay.jobs.events import Control

# A bias of all keys: its gradient is nothing but rounding, of which AdamW makes whole steps.
ROUNDING_ALONE = "attention.self.key.bias"
CASES: dict[tuple[str, int], dict[str, Any]] = {
    ("one forward", 2): {},
    ("one forward", 3): {},
    ("clipped hard, the whole vocabulary", 2): {"max_grad_norm": 0.05, "weight_decay": 0.01},
    ("accumulated", 3): {"gradient_accumulation_steps": 3},
    ("fewer sentences than processes", 8): {"per_device_train_batch_size": 2},
    ("mini-batches", 3): {"most_tokens": 60},
    ("mini-batches on the first alone", 2): {"most_tokens": 60, "only_on": 0},
}


@pytest.fixture
def plain(tmp_path: Path) -> RankedTraining:
    """A training of triplets with nothing changed."""
    write_triplets(tmp_path / "train.jsonl", 120)
    return RankedTraining(tmp_path, small_model(3, tmp_path / "transformer"))


@pytest.mark.parametrize(("case", "size"), CASES)
def test_losses_and_weights_are_those_of_one_process(
    plain: RankedTraining, case: str, size: int
) -> None:
    training = replace(plain, changes=CASES[case, size])
    losses, weights, seen = training()
    assert len(losses) == STEPS
    for own in in_ranks(size, plain.folder, training):
        assert own[0] == pytest.approx(losses, abs=1e-5)
        assert own[2] == seen
        for name, weight in own[1].items():
            if ROUNDING_ALONE not in name:
                np.testing.assert_allclose(weight, weights[name], rtol=0, atol=1e-4, err_msg=name)


def seeded(ranks: Ranks, training: RankedTraining) -> tuple[Trained, list[int]]:
    """What is trained, and the steps at which a seed was set."""
    steps: list[int] = []
    own = ranks.seed

    def tell(seed: int, step: int) -> None:
        steps.append(step)
        own(seed, step)

    ranks.seed = tell
    return training(ranks), steps


def test_with_dropout_all_processes_keep_the_same_weights(plain: RankedTraining) -> None:
    changes = {"gradient_accumulation_steps": 2}
    training = replace(plain, changes={**changes, "dropout": 0.3})
    work = partial(seeded, training=training)
    ((losses, weights, _), steps), ((_, others, _), _) = in_ranks(2, plain.folder, work)
    assert all(torch.equal(weights[name], others[name]) for name in weights)
    assert steps == [*range(STEPS)], "once a step"
    without, _, _ = replace(plain, changes=changes)()
    assert losses != pytest.approx(without, abs=1e-3)


def test_others_than_the_first_draw_numbers_of_their_own() -> None:
    def drawn(rank: int, step: int) -> list[float]:
        torch.manual_seed(7)
        Ranks(Place(rank, 3)).seed(42, step)
        return torch.rand(2).tolist()

    first = drawn(0, 1)
    torch.manual_seed(7)
    assert first == drawn(0, 2), "they go on as with one process"
    assert drawn(1, 1) == drawn(1, 1)
    assert len({(*drawn(rank, step),) for rank in range(3) for step in range(2)}) == 5


def agreements(ranks: Ranks) -> dict[str, Any]:
    """What the processes find together, each of which knows something else."""
    found: dict[str, Any] = {
        "least": ranks.least(7 - ranks.rank),
        "any": (ranks.any(ranks.rank == 1), ranks.any(False)),
        "sums": ranks.summed(np.full((2, 2), ranks.rank + 0.5, np.float32)).tolist(),
        "told": ranks.collected(ranks.rank),
    }
    held = torch.full((3,), float(ranks.rank))
    ranks.spread([held])
    weights = [nn.Parameter(torch.zeros(2)) for _ in range(3)]
    frozen = nn.Parameter(torch.zeros(2), requires_grad=False)
    if ranks.rank == 1:  # of the last, nobody has a gradient
        weights[0].grad = torch.ones(2)
    weights[1].grad = torch.full((2,), 1.0 + ranks.rank)
    heeded = []
    for step in range(3):
        told: dict[tuple[int, int], Control] = {(1, 0): "stop", (0, 0): "checkpoint"}
        own = told.get((ranks.rank, step))
        ranks.sum_gradients([*weights, frozen], asked=[own] if own else [])
        heeded.append(sorted(ranks.heeded(())))
    grads = [None if each.grad is None else each.grad.tolist() for each in weights]
    try:
        check_same(ranks, {"data": "a", "precision": "bf16" if ranks.rank else "fp16"})
    except UserError as error:
        found["other"] = error.sentence
    return found | {"held": held.tolist(), "gradients": grads, "heeded": heeded}


def test_what_one_process_alone_can_know_is_agreed_on(tmp_path: Path) -> None:
    first, second = in_ranks(2, tmp_path, agreements)
    assert first == second
    assert first["least"] == 6
    assert first["any"] == (True, False)
    assert first["sums"] == [[2.0, 2.0], [2.0, 2.0]]
    assert first["told"] == [0, 1]
    assert first["held"] == [0.0, 0.0, 0.0]
    assert first["gradients"] == [[4.0, 4.0], [12.0, 12.0], None]
    assert first["heeded"] == [[], ["checkpoint", "stop"], ["stop"]]
    assert "Process 1, on " in first["other"]
    assert "another precision than process 0" in first["other"]


def test_alone_nothing_is_exchanged() -> None:
    assert (ALONE.least(3), ALONE.any(True), ALONE.any(False)) == (3, True, False)
    assert ALONE.collected("a") == ["a"]
    assert ALONE.heeded(["stop"]) == {"stop"}
    numbers = np.zeros(2)
    assert ALONE.summed(numbers) is numbers
    embeddings = torch.zeros(2, 3)
    assert ALONE.gathered(embeddings, [2]) is embeddings
    with ALONE.first_before_others():
        ALONE.sum_gradients([], asked=["stop"])
