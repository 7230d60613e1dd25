"""Layers whose outputs are recalled have the gradients of those that compute them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from stplay.engine.training.recall import OutputRecall, OutputRecorder


def blocks(*, bias: bool = True) -> nn.Module:
    return nn.Sequential(
        *(nn.Linear(6, 11, bias), nn.GELU(), nn.Linear(11, 6, bias), nn.LayerNorm(6)),
        *(nn.Linear(6, 6, bias), nn.Tanh(), nn.Linear(6, 3, bias)),
    ).double()


def gradients(model: nn.Module, inputs: Tensor, outputs: Tensor) -> list[Tensor | None]:
    weights = torch.linspace(-1, 1, outputs.numel()).view(outputs.shape).to(outputs)
    needed = [part for part in (inputs, *model.parameters()) if part.requires_grad]
    return [*torch.autograd.grad((outputs * weights).sum(), needed)]


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 5, 6)])
def test_the_gradients_are_those_of_what_is_computed(shape: tuple[int, ...], bias: bool) -> None:
    model, inputs = blocks(bias=bias), torch.randn(shape).double().requires_grad_()
    expected = model(inputs)
    with torch.no_grad(), OutputRecorder() as recording:
        assert torch.equal(model(inputs), expected)
    assert [each.shape[-1] for each in recording.outputs] == [6, 3]  # the layers that narrow
    assert recording.nbytes == expected.numel() // 3 * (6 + 3) * 8
    with OutputRecall(recording.outputs):
        found = model(inputs)
    assert torch.equal(found, expected)
    torch.testing.assert_close(
        gradients(model, inputs, found), gradients(model, inputs, expected), rtol=1e-12, atol=1e-12
    )


def test_what_is_recalled_is_not_computed() -> None:
    model, inputs = blocks(), torch.randn(5, 6).double()
    with torch.no_grad(), OutputRecorder() as recording:
        model(inputs)
    changed = [output + 1 for output in recording.outputs]
    with OutputRecall(changed):
        assert torch.equal(model(inputs), changed[-1])


def test_layers_that_are_not_trained() -> None:
    model, inputs = blocks(), torch.randn(5, 6).double()
    for name, weight in model.named_parameters():
        weight.requires_grad_(name not in ("0.weight", "0.bias", "2.weight", "6.bias"))
    with torch.no_grad(), OutputRecorder() as recording:
        model(inputs)
    with OutputRecall(recording.outputs):
        found = model(inputs)
    torch.testing.assert_close(
        gradients(model, inputs, found),
        gradients(model, inputs, model(inputs)),
        rtol=1e-12,
        atol=1e-12,
    )


def test_autocast() -> None:
    model, inputs = blocks().float(), torch.randn(5, 6).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        with torch.no_grad(), OutputRecorder() as recording:
            model(inputs)
        with OutputRecall(recording.outputs):
            found = model(inputs)
        expected = model(inputs)
    assert {output.dtype for output in recording.outputs} == {found.dtype} == {torch.bfloat16}
    assert torch.equal(found, expected)
    ours, torchs = gradients(model, inputs, found), gradients(model, inputs, expected)
    assert all(gradient is not None and gradient.dtype == torch.float32 for gradient in ours)
    torch.testing.assert_close(ours, torchs, rtol=0.02, atol=0.02)
