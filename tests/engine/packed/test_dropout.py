"""Quick dropout drops as many, scales as exactly and can be repeated as torch's own."""

from __future__ import annotations

import math

import pytest
import torch
from architectures import network_of
from torch import Tensor, nn

from stplay.engine.packed.dropout import LEVELS, QuickDropout, drop, make_quick

probabilities = pytest.mark.parametrize("probability", [0.01, 0.1, 0.25, 0.5, 0.9, 1 / 3])


def dropped(values: Tensor, probability: float, seed: int = 0) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return drop(values, probability)


def dropouts(model: nn.Module) -> list[nn.Dropout]:
    return [module for module in model.modules() if isinstance(module, nn.Dropout)]


@probabilities
def test_the_share_and_the_mean_are_right(probability: float) -> None:
    count = 1_000_000
    found = dropped(torch.ones(count), probability)
    kept = (found != 0).double().mean().item()
    deviation = math.sqrt(probability * (1 - probability) / count)
    assert abs(kept - (1 - probability)) < 4 * deviation + 1 / LEVELS
    assert abs(found.double().mean().item() - 1) < 4 * deviation / (1 - probability)


@probabilities
def test_what_is_kept_is_scaled_by_the_share_that_is_kept(probability: float) -> None:
    values = torch.randn(1000, dtype=torch.float64)
    found = dropped(values, probability)
    kept = found != 0
    exact = LEVELS / (LEVELS - round(probability * LEVELS))
    assert exact == pytest.approx(1 / (1 - probability), rel=1e-4)
    torch.testing.assert_close(found[kept], values[kept] * exact, rtol=1e-15, atol=0)


def test_each_number_is_dropped_for_itself() -> None:
    kept = (dropped(torch.ones(400_000), 0.5) != 0).double()
    # Four neighbours come of one random word.
    for parts in (kept.view(-1, 4).T, kept.view(4, -1)):
        torch.testing.assert_close(parts.corrcoef(), torch.eye(4).double(), rtol=0, atol=0.015)


@pytest.mark.parametrize("probability", [0.1, 0.5])
def test_the_gradient_has_the_same_mask(probability: float) -> None:
    values = torch.randn(37, 5, requires_grad=True)
    found = dropped(values, probability)
    weights = torch.randn(37, 5)
    (gradient,) = torch.autograd.grad((found * weights).sum(), values)
    scale = LEVELS / (LEVELS - round(probability * LEVELS))
    torch.testing.assert_close(gradient, torch.where(found != 0, weights * scale, 0.0))


def test_the_same_seed_drops_the_same() -> None:
    values = torch.ones(1001)
    assert torch.equal(dropped(values, 0.3), dropped(values, 0.3))
    assert not torch.equal(dropped(values, 0.3), dropped(values, 0.3, seed=1))


def test_a_saved_state_replays() -> None:
    values = torch.ones(1001)
    state = torch.get_rng_state()
    with torch.random.fork_rng(devices=[]):
        inside = drop(values, 0.3)
        further = drop(values, 0.3)
    outside = drop(values, 0.3)
    torch.set_rng_state(state)
    again = drop(values, 0.3)
    assert torch.equal(inside, outside)
    assert torch.equal(inside, again)
    assert not torch.equal(inside, further)


@pytest.mark.parametrize("shape", [(), (1,), (3,), (5, 7), (2, 3, 1, 11), (0,), (4, 0)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_any_shape_and_number(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    found = dropped(torch.ones(shape, dtype=dtype), 0.5)
    assert (found.shape, found.dtype) == (shape, dtype)
    assert ((found == 0) | (found == 2)).all()


def test_values_need_not_lie_in_a_row() -> None:
    values = torch.randn(6, 8)
    found = dropped(values.T, 0.5)
    torch.testing.assert_close(found, torch.where(found != 0, values.T * 2, 0.0))


@pytest.mark.parametrize("probability", [0.0, 1e-9])
def test_a_probability_of_nought_keeps_all(probability: float) -> None:
    values = torch.randn(999)
    assert torch.equal(dropped(values, probability), values)


@pytest.mark.parametrize("probability", [1.0, 1 - 1e-9])
def test_a_probability_of_one_keeps_nothing(probability: float) -> None:
    values = torch.randn(999, requires_grad=True)
    found = dropped(values, probability)
    assert torch.equal(found, torch.zeros(999))
    (gradient,) = torch.autograd.grad(found.sum(), values)
    assert torch.equal(gradient, torch.zeros(999))


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0, 1 - 1e-9])
def test_the_module_while_training_and_not(probability: float) -> None:
    values = torch.ones(20_000)
    module = QuickDropout(probability)
    kept = (module(values) != 0).double().mean().item()
    assert kept == pytest.approx(1 - probability, abs=0.02)
    assert torch.equal(module.eval()(values), values)
    assert module.train()(values).shape == values.shape


def test_the_module_elsewhere_is_torchs_own() -> None:
    values = torch.ones(100, device="meta")
    assert QuickDropout(0.5)(values).device.type == "meta"


def test_make_quick_replaces_all_and_nothing_that_is_saved() -> None:
    model = network_of("bert", 40)
    before = {name: weights.clone() for name, weights in model.state_dict().items()}
    probabilities = [module.p for module in dropouts(model)]
    names = [name for name, _ in model.named_modules()]
    model.eval()
    make_quick(model)
    assert len(dropouts(model)) == len(probabilities) == 7
    assert all(type(module) is QuickDropout for module in dropouts(model))
    assert [module.p for module in dropouts(model)] == probabilities
    assert [name for name, _ in model.named_modules()] == names
    torch.testing.assert_close(dict(model.state_dict()), before, rtol=0, atol=0)
    for training in (False, True, False):
        assert all(module.training == training for module in dropouts(model.train(training)))
    quick = dropouts(model)
    make_quick(model)
    assert all(a is b for a, b in zip(quick, dropouts(model), strict=True))


def test_make_quick_leaves_other_dropouts_alone() -> None:
    model = nn.Sequential(nn.Dropout1d(0.5), nn.AlphaDropout(0.5), nn.Sequential(nn.Dropout(0.2)))
    make_quick(model)
    kinds = [type(module) for module in model.modules()]
    assert kinds == [
        nn.Sequential,
        nn.Dropout1d,
        nn.AlphaDropout,
        nn.Sequential,
        QuickDropout,
    ]
