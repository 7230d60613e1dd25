"""Packed attention is what each sentence's attention is alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from stplay.engine.packed.attention import (
    Unpadded,
    _unpadded,
    _with_dropout,
    _without_dropout,
    is_for_varlen,
    packed_attention,
    works,
)
from stplay.engine.packed.packing import Packing

HEADS, SIZE, SCALING = 3, 8, 0.3
LENGTHS = [[1], [6], [5, 5, 5], [3, 130, 7, 60], [*range(1, 40)], [200, 1]]
lengths_of_all_kinds = pytest.mark.parametrize("lengths", LENGTHS, ids=lambda found: len(found))

Parts = tuple[Tensor, Tensor, Tensor]


def packing_of(lengths: Sequence[int]) -> Packing:
    return Packing([[4] * length for length in lengths])


def parts_of(packing: Packing, seed: int = 0) -> Parts:
    """Query, key and value of packed tokens; their scores are far from even.

    In double precision, where nothing but a mistake makes a difference.
    """
    random = torch.Generator().manual_seed(seed)
    shape = (packing.tokens, HEADS, SIZE)
    query, key, value = (
        (torch.randn(shape, generator=random, dtype=torch.double) * 2).requires_grad_()
        for _ in range(3)
    )
    return query, key, value


def bias_of(packing: Packing) -> Tensor:
    shape = (HEADS, packing.longest, packing.longest)
    random = torch.Generator().manual_seed(9)
    return torch.randn(shape, generator=random, dtype=torch.double).requires_grad_()


def alone(packing: Packing, parts: Parts, bias: Tensor | None = None) -> Tensor:
    """Sentence by sentence, nothing packed and nothing padded."""
    starts, found = packing.starts.tolist(), []
    for first, length in zip(starts, packing.lengths, strict=False):
        query, key, value = (part[first : first + length].transpose(0, 1) for part in parts)
        own = None if bias is None else bias[:, :length, :length]
        attended = scaled_dot_product_attention(query, key, value, attn_mask=own, scale=SCALING)
        found.append(attended.transpose(0, 1))
    return torch.cat(found)


@pytest.mark.parametrize("biased", [False, True])
@lengths_of_all_kinds
def test_it_is_each_sentences_own_attention(lengths: list[int], biased: bool) -> None:
    packing = packing_of(lengths)
    parts = parts_of(packing)
    bias = bias_of(packing) if biased else None
    found = packed_attention(*parts, packing, SCALING, bias=bias)
    expected = alone(packing, parts, bias)
    assert found.shape == (packing.tokens, HEADS, SIZE)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    weights = torch.randn_like(found)
    inputs = [*parts] if bias is None else [*parts, bias]
    gradients = torch.autograd.grad((found * weights).sum(), inputs)
    torch.testing.assert_close(
        gradients, torch.autograd.grad((expected * weights).sum(), inputs), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("biased", [False, True])
@lengths_of_all_kinds
def test_a_dropout_near_nought_is_none(lengths: list[int], biased: bool) -> None:
    packing = packing_of(lengths)
    parts = parts_of(packing)
    bias = bias_of(packing) if biased else None
    found = packed_attention(*parts, packing, SCALING, dropout=1e-15, bias=bias)
    torch.testing.assert_close(found, alone(packing, parts, bias), rtol=0, atol=1e-12)


def test_dropout_is_of_the_probabilities() -> None:
    packing = packing_of([4, 9, 2])
    parts = parts_of(packing)
    expected = packed_attention(*parts, packing, SCALING)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        found = [packed_attention(*parts, packing, SCALING, dropout=0.3) for _ in range(4000)]
    assert not torch.equal(found[0], found[1])
    torch.testing.assert_close(torch.stack(found).mean(0), expected, rtol=0, atol=0.2)
    # A token that attends to itself alone is dropped as a whole, or else scaled.
    packing = packing_of([1] * 500)
    query, key, value = parts_of(packing)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        found = packed_attention(query, key, value, packing, SCALING, dropout=0.25)
    dropped = (found == 0).all(-1)
    assert 0.2 < dropped.double().mean().item() < 0.3
    torch.testing.assert_close(found[~dropped], value[~dropped] / 0.75, rtol=1e-5, atol=1e-5)


def test_all_is_dropped() -> None:
    packing = packing_of([4, 90, 2])
    found = packed_attention(*parts_of(packing), packing, SCALING, dropout=1.0)
    assert torch.equal(found, torch.zeros_like(found))


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_elsewhere_nothing_comes_from_the_cpu(dropout: float) -> None:
    packing = packing_of([3, 130, 7, 60]).to(torch.device("meta"))
    query, key, value = (torch.empty(200, HEADS, SIZE, device="meta") for _ in range(3))
    bias = torch.empty(HEADS, 130, 130, device="meta")
    for given in (None, bias):
        found = packed_attention(query, key, value, packing, SCALING, dropout, given)
        assert (found.device.type, found.shape) == ("meta", query.shape)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("dropout", [0.0, 1e-9])
def test_other_numbers(dtype: torch.dtype, dropout: float) -> None:
    packing = packing_of([3, 130, 7, 60])
    query, key, value = (part.detach().to(dtype) for part in parts_of(packing))
    bias = bias_of(packing).detach()
    found = packed_attention(query, key, value, packing, SCALING, dropout, bias)
    assert found.dtype == dtype
    expected = alone(packing, (query.double(), key.double(), value.double()), bias.double())
    error = (found.double() - expected).abs()
    assert error.mean() < torch.finfo(dtype).eps * 4 + 1e-8


@pytest.mark.parametrize("attend", [_without_dropout, _with_dropout])
def test_torchs_own_takes_what_it_is_given(attend: Unpadded) -> None:
    """By its shapes, and back; ``tests/bench/gpu.py`` compares its numbers on a GPU."""
    pytest.importorskip("torch.nn.attention.varlen")  # from 2.10 on
    packing = packing_of([3, 130, 7, 60]).to(torch.device("meta"))
    shape, kind = (200, HEADS, SIZE), torch.bfloat16
    parts = [torch.empty(shape, device="meta", dtype=kind, requires_grad=True) for _ in range(3)]
    query, key, value = parts
    found = attend(query, key, value, packing.starts, packing.longest, SCALING, 0.1)
    assert (found.shape, found.dtype) == (shape, kind)
    found.sum().backward()
    assert [part.grad is not None and part.grad.shape for part in parts] == [shape] * 3
    assert works(attend, torch.device("meta"), kind, SIZE)
    for dropout in (0.0, 0.1):
        assert _unpadded(torch.empty(shape, dtype=kind), dropout) is None


def test_an_attention_that_this_torch_lacks_is_not_taken() -> None:
    device, before = torch.device("cpu"), torch.get_rng_state()

    def lacking(*_: Any) -> Tensor:
        torch.rand(1)
        raise NotImplementedError("no kernel for this GPU")

    def there(query: Tensor, *_: Any) -> Tensor:
        return torch.nn.functional.dropout(query, 0.5)

    with torch.inference_mode():
        assert not works(lacking, device, torch.float32, SIZE)
        assert works(there, device, torch.float32, SIZE)
        assert not works(_with_dropout, device, torch.bfloat16, SIZE)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("dtype", "head_size", "capability", "expected"),
    [
        (torch.bfloat16, 32, (8, 0), True),
        (torch.float16, 8, (8, 9), True),
        (torch.bfloat16, 256, (12, 0), True),
        (torch.bfloat16, 32, (7, 5), False),  # before Ampere
        (torch.bfloat16, 32, None, False),  # no GPU
        (torch.float32, 32, (9, 0), False),
        (torch.bfloat16, 264, (9, 0), False),
        (torch.bfloat16, 12, (9, 0), False),
    ],
)
def test_what_torchs_own_is_for(
    dtype: torch.dtype, head_size: int, capability: tuple[int, int] | None, expected: bool
) -> None:
    assert is_for_varlen(dtype, head_size, capability) is expected


def test_no_attention_is_taken_that_refuses_a_bias_with_a_gradient() -> None:
    assert not torch.backends.cuda.cudnn_sdp_enabled()
