"""What memory a forward keeps, measured, against what a machine really hands out."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from architectures import Architecture, encoder, texts
from torch import Tensor, nn

from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.packed.packing import Packing
from stplay.engine.training import memory


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
