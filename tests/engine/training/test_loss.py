"""The cached loss over several packings is that of one, at the price it is said to have."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import (
    ARCHITECTURES,
    INNER,
    LAYERS,
    WIDTH,
    Architecture,
    encoder,
    texts,
)
from sentence_transformers.util import cos_sim
from torch import Tensor
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.packed.packing import Packing
from stplay.engine.training.embedder import Embedder
from stplay.engine.training.loss import PackedRankingLoss

LENGTHS = [3, 9, 5, 7, 30, 4, 12, 6, 8, 3, 20, 5]


class Products(TorchFunctionMode):
    """Counts the products that are computed of the layers that narrow."""

    count = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func is linear and args[1].shape == (WIDTH, INNER)
        return func(*args, **(kwargs or {}))


class Activation:
    """What autograd holds of a forward until it has gone backward."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()  # else one that is a result would hold itself


class CountedEmbedder(Embedder):
    """Notes of each forward whether it has gradients, and of how many others memory is held."""

    def __init__(self, packed: PackedModel) -> None:
        super().__init__(packed)
        self.forwards: list[tuple[bool, int]] = []
        self._held: list[weakref.WeakSet[Activation]] = []

    def __call__(self, packing: Packing) -> Tensor:
        self.forwards.append((torch.is_grad_enabled(), sum(map(bool, self._held))))
        held = weakref.WeakSet[Activation]()
        self._held.append(held)

        def hold(tensor: Tensor) -> Activation:
            activation = Activation(tensor)
            held.add(activation)
            return activation

        with torch.autograd.graph.saved_tensors_hooks(hold, lambda activation: activation.tensor):
            return super().__call__(packing)


class CountedLoss(PackedRankingLoss):
    """Counts the ``products`` of second forwards; its embedder notes all ``forwards``."""

    def __init__(self, packed: PackedModel) -> None:
        embedder = CountedEmbedder(packed)
        super().__init__(embedder, 20.0, cos_sim, 2, most_recalled=1 << 30)
        self.packed = packed
        self.forwards = embedder.forwards
        self.products = 0

    def _embed_again(self, sentence_feature: Any, random_state: Any) -> Tensor:
        with Products() as products:
            embeddings = super()._embed_again(sentence_feature, random_state)
        self.products += products.count
        return embeddings


@pytest.fixture
def architecture() -> Architecture:
    return "bert"


@pytest.fixture
def loss(architecture: Architecture, tmp_path: Path) -> CountedLoss:
    return CountedLoss(PackedModel(encoder(architecture, tmp_path).train()))


@pytest.fixture
def packings(architecture: Architecture, loss: CountedLoss) -> list[Packing]:
    sentences = loss.packed.tokenize(texts(LENGTHS, architecture)).sentences
    return [Packing(sentences[first : first + 3]) for first in range(0, len(sentences), 3)]


def gradients(loss: CountedLoss) -> dict[str, Tensor]:
    named = loss.packed.model.named_parameters()
    return {name: weight.grad for name, weight in named if weight.grad is not None}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("most_recalled", [0, 1, 1 << 30])
def test_several_packings_have_the_loss_and_the_gradients_of_all_at_once(
    loss: CountedLoss, packings: list[Packing], most_recalled: int
) -> None:
    loss.most_recalled = most_recalled
    state = torch.get_rng_state()
    # Each draws its dropout where the one before it has left the random numbers.
    expected = loss.calculate_loss([[loss.embed(packing) for packing in packings]])
    expected.backward()
    wanted = gradients(loss)
    after = torch.get_rng_state()
    loss.packed.model.zero_grad()
    torch.set_rng_state(state)
    found = loss(packings)
    (3 * found).backward()
    assert torch.equal(torch.get_rng_state(), after)
    torch.testing.assert_close(found, expected.detach(), rtol=1e-6, atol=0, check_device=False)
    tripled = {name: 3 * gradient for name, gradient in wanted.items()}
    largest = max(gradient.abs().max().item() for gradient in tripled.values())
    torch.testing.assert_close(gradients(loss), tripled, rtol=1e-4, atol=1e-5 * largest)


def test_the_first_goes_forward_once_and_one_is_held_at_a_time(
    loss: CountedLoss, packings: list[Packing]
) -> None:
    loss(packings).backward()
    # The first is held while the others are embedded without gradients, and then gone.
    assert loss.forwards == [(True, 0), *[(False, 1)] * 3, *[(True, 0)] * 3]


def test_without_gradients_each_goes_forward_once_and_none_is_held(
    loss: CountedLoss, packings: list[Packing]
) -> None:
    with torch.no_grad():
        loss(packings)
    assert loss.forwards == [(False, 0)] * 4


def test_a_loss_that_is_not_followed_by_a_step_is_forgotten(
    loss: CountedLoss, packings: list[Packing]
) -> None:
    given_up = loss(packings)
    loss.forwards.clear()
    loss(packings).backward()
    assert loss.forwards[0] == (True, 1)
    del given_up
    loss.forwards.clear()
    loss(packings).backward()
    assert loss.forwards == [(True, 0), *[(False, 1)] * 3, *[(True, 0)] * 3]


def test_as_much_is_recalled_as_may_be_held(loss: CountedLoss, packings: list[Packing]) -> None:
    sizes = [packing.tokens * WIDTH * LAYERS * 4 for packing in packings[1:]]
    # The last that is held may take more than is left.
    for most, recalled in ((0, 0), (1, 1), (sizes[0], 1), (sizes[0] + 1, 2), (sum(sizes), 3)):
        loss.most_recalled = most
        loss.products = 0
        loss(packings).backward()
        assert loss.products == (3 - recalled) * LAYERS
