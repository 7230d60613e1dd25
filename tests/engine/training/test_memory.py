"""What memory a forward keeps, measured, against what a machine really hands out."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from architectures import Architecture, encoder, texts
from fasttraining import FastTraining
from sentence_transformers import SentenceTransformer
from smallmodels import random_triplets
from torch import Tensor, nn
from widemodel import make_wide_model

from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.packed.packing import Packing
from stplay.engine.training import memory
from stplay.engine.training.trainingarguments import Precision


def test_what_is_free() -> None:
    free = memory.available_bytes(torch.device("cpu"))
    assert 0 < free <= psutil.virtual_memory().total


def test_state_of_what_is_trained() -> None:
    model = nn.Sequential(nn.Linear(10, 20), nn.Linear(20, 5))
    model[1].requires_grad_(False)
    assert memory.state_bytes(model) == 3 * 4 * (10 * 20 + 20)


def test_saved_tensors_are_counted_once_and_weights_not_at_all() -> None:
    model = nn.Linear(30, 40, bias=False)
    given = torch.randn(50, 30, requires_grad=True)

    def forward() -> torch.Tensor:
        hidden = model(given)  # keeps ``given`` and its weight
        return (hidden * hidden).sum()  # keeps ``hidden``, twice

    assert memory.saved_bytes(model, forward) == 4 * 50 * (30 + 40)


def test_nothing_is_saved_without_gradients() -> None:
    model = nn.Linear(3, 3).requires_grad_(False)
    assert memory.saved_bytes(model, lambda: model(torch.randn(2, 3))) == 0


class Doubled(torch.autograd.Function):
    """An operator that keeps what it made, as a softmax does; ``end`` tells of its node's end."""

    @staticmethod
    def forward(ctx: Any, given: Tensor, end: Callable[[], None]) -> Tensor:
        ctx.node = Node()
        weakref.finalize(ctx.node, end)
        made = 2 * given
        ctx.save_for_backward(made)
        return made


class Node: ...


def test_nothing_that_was_measured_stays_alive() -> None:
    ends: list[str] = []
    model = nn.Linear(30, 40, bias=False)
    given = torch.randn(5, 30)
    taken = memory.saved_bytes(model, lambda: Doubled.apply(model(given), lambda: ends.append("")))
    gc.collect()
    assert ends == [""]
    assert taken == 4 * 5 * (30 + 40)


def accumulating(parameter: nn.Parameter) -> Any:
    """The node that adds to the gradient of ``parameter``: one for all graphs that are alive."""
    return parameter.view_as(parameter).grad_fn.next_functions[0][0]  # pyright: ignore


@pytest.mark.parametrize("architecture", ["xlm-roberta", "mpnet"])
def test_no_parameter_keeps_a_node_of_the_measurement(
    architecture: Architecture, tmp_path: Path
) -> None:
    """Nodes belong to the stream they were made on, and no recording of another may use them."""
    model = encoder(architecture, tmp_path).train()
    packed = PackedModel(model)
    packing = Packing(packed.tokenize(texts([9, 30, 7], architecture)).sentences)

    def forward() -> Tensor:
        embeddings = packed.embed(packing)
        for parameter in model.parameters():
            accumulating(parameter).metadata["measured"] = True
        return embeddings

    assert memory.saved_bytes(model, forward) > 0
    gc.collect()
    assert not any(accumulating(each).metadata for each in model.parameters())


def test_what_does_not_grow_is_counted_once() -> None:
    found = memory.Footprint.of((100, 700), (300, 1100))
    assert found == memory.Footprint(constant=500, a_token=2)
    assert found.nbytes(1000) == 2500
    assert found.tokens(2500) == 1000
    assert found.tokens(100) == 0
    # Of sentences of other lengths, less may come of more; a token takes something all the same.
    assert memory.Footprint.of((100, 700), (300, 600)).a_token == 1


def write_random_triplets(path: Path, rows: int) -> None:
    """Sentences of 1 to 14 words, as they come."""
    names = ("anchor", "positive", "negative")
    triplets = (dict(zip(names, each, strict=True)) for each in random_triplets(3, rows))
    path.write_text("".join(json.dumps(each) + "\n" for each in triplets), encoding="utf-8")


MARGIN = 0.125  # of what is taken


@pytest.mark.parametrize("precision", ["float32", "bf16", "fp16"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_what_a_large_packing_takes_is_foretold(
    tmp_path: Path, precision: Precision, dropout: float
) -> None:
    """Of more than 20 times the tokens that were measured."""
    write_random_triplets(tmp_path / "train.jsonl", 1000)
    fast = FastTraining(tmp_path, precision=precision, dropout=dropout).fast
    tokens, taken = fast.measured(1000)
    assert tokens > 20 * 1024
    assert fast.footprint.nbytes(tokens) == pytest.approx(taken, rel=MARGIN)
    assert fast.engine.bytes_a_token == fast.footprint.a_token
    assert fast.engine.bytes_a_packing == fast.footprint.constant


def test_the_copies_of_half_precision_are_no_tokens(tmp_path: Path) -> None:
    write_random_triplets(tmp_path / "train.jsonl", 240)
    model = SentenceTransformer(str(make_wide_model(tmp_path / "wide")), device="cpu")
    fast = FastTraining(tmp_path, model=model, precision="bf16").fast
    tokens, taken = fast.measured(240)
    assert tokens > 3 * 1024
    assert fast.footprint.nbytes(tokens) == pytest.approx(taken, rel=MARGIN)
    layers = [each for each in model.modules() if isinstance(each, nn.Linear)]
    copies = sum(2 * layer.weight.numel() for layer in layers)
    assert fast.footprint.constant > copies / 2
    few, theirs = fast.measured(8)  # which alone would overstate it
    assert theirs / few * tokens > (1 + MARGIN) * taken


def test_two_rows_are_enough_to_measure(tmp_path: Path) -> None:
    write_random_triplets(tmp_path / "train.jsonl", 2)
    fast = FastTraining(tmp_path, per_device_train_batch_size=2).fast
    tokens, taken = fast.measured(2)
    assert fast.footprint.nbytes(tokens) == pytest.approx(taken, rel=0.01)
