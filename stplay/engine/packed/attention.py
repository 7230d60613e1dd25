"""Attention over packed sentences, under the name ``PACKED`` in transformers' attention interface.

On a GPU from Ampere on in half precision it is ``torch.nn.attention.varlen``, and with dropout,
which that has not, the operator below it. Neither has a bias: with one, and elsewhere, sentences
are padded for as long as they attend, in blocks of about the same length.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import sdpa_mask

from stplay.engine.packed import dropout as dropouts
from stplay.engine.packed.packing import Block, Packing

PACKED = "stplay_packed"

# Query, key, value, where each sentence starts, the longest, the scaling, and the dropout.
Unpadded = Callable[[Tensor, Tensor, Tensor, Tensor, int, float, float], Tensor]

# From Hopper on torch would take it first, and it refuses a bias that needs a gradient (MPNet's).
torch.backends.cuda.enable_cudnn_sdp(False)


def packed_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    packing: Packing,
    scaling: float,
    dropout: float = 0.0,
    bias: Tensor | None = None,
) -> Tensor:
    """What the tokens of each sentence attend to in their own sentence.

    ``query``, ``key``, ``value`` and the result have shape (tokens, heads, head size); ``bias``
    (heads, longest, longest) is added to the scores, ``dropout`` is that of the probabilities.
    """
    unpadded = None if bias is not None else _unpadded(query, dropout)
    if unpadded is not None:
        return unpadded(query, key, value, packing.starts, packing.longest, scaling, dropout)
    attended = [
        _attend(query, key, value, block, scaling, dropout, bias) for block in packing.blocks
    ]
    return attended[0] if len(attended) == 1 else torch.cat(attended)


def _unpadded(query: Tensor, dropout: float) -> Unpadded | None:
    """The attention that pads nothing, where there is one for ``query`` and ``dropout``."""
    capability = torch.cuda.get_device_capability(query.device) if query.is_cuda else None
    if not is_for_varlen(query.dtype, query.shape[-1], capability) or dropout >= 1:
        return None
    attend = _with_dropout if dropout else _without_dropout
    return attend if works(attend, query.device, query.dtype, query.shape[-1]) else None


def _without_dropout(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts: Tensor,
    longest: int,
    scaling: float,
    dropout: float,
) -> Tensor:
    from torch.nn.attention.varlen import varlen_attn  # new in torch 2.10

    return varlen_attn(query, key, value, starts, starts, longest, longest, scale=scaling)  # pyright: ignore[reportReturnType]


def _with_dropout(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    starts: Tensor,
    longest: int,
    scaling: float,
    dropout: float,
) -> Tensor:
    """By what varlen calls with a dropout of 0, and torch's nested tensors with their own."""
    attend = torch.ops.aten._flash_attention_forward
    given = (query, key, value, starts, starts, longest, longest)
    return attend(*given, dropout, False, False, scale=scaling)[0]


@cache
def works(attend: Unpadded, device: torch.device, dtype: torch.dtype, head_size: int) -> bool:
    """Whether ``attend`` takes such heads there, forward and back; it is tried once.

    Not every build of torch has its kernels for every GPU, and the operator with dropout is not
    promised to stay. The random numbers that come are those that would have come.
    """
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices), torch.inference_mode(False), torch.enable_grad():
            parts = torch.ones(3, 2, 1, head_size, device=device, dtype=dtype, requires_grad=True)
            starts = torch.tensor([0, 2], device=device, dtype=torch.int32)
            query, key, value = parts.unbind()
            attend(query, key, value, starts, 2, 1.0, 0.1).sum().backward()
    except Exception:
        return False
    return True


def is_for_varlen(dtype: torch.dtype, head_size: int, capability: tuple[int, int] | None) -> bool:
    """Whether it takes such heads, on a GPU of ``capability`` or, with ``None``, elsewhere."""
    half = dtype in (torch.float16, torch.bfloat16)
    fits = head_size <= 256 and head_size % 8 == 0
    return half and fits and capability is not None and capability >= (8, 0)


def _attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    block: Block,
    scaling: float,
    dropout: float,
    bias: Tensor | None,
) -> Tensor:
    heads, size = query.shape[1:]

    def padded(part: Tensor) -> Tensor:
        part = part[block.first : block.last]
        if block.cells is not None:
            part = part.index_select(0, block.cells)
        return part.view(block.sentences, block.longest, heads, size).transpose(1, 2)

    query, key, value = padded(query), padded(key), padded(value)
    mask = None if block.mask is None else block.mask.to(query.dtype)
    if bias is not None:
        # With four dimensions even where there is no mask: else no fused attention takes it.
        bias = bias[None, :, : block.longest, : block.longest].to(query.dtype)
        mask = bias if mask is None else mask + bias
    if dropout and query.device.type == "cpu":
        attended = _attend_with_quick_dropout(query, key, value, mask, scaling, dropout)
    else:
        attended = scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling
        )
    attended = attended.transpose(1, 2).reshape(-1, heads, size)
    return attended if block.tokens is None else attended.index_select(0, block.tokens)


def _attend_with_quick_dropout(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float, dropout: float
) -> Tensor:
    """As torch's own function, whose dropout takes most of its time on a CPU."""
    scores = torch.matmul(query * scaling, key.transpose(-1, -2))
    if mask is not None:
        scores = scores + mask
    return torch.matmul(dropouts.drop(scores.softmax(-1), dropout), value)


def _interface(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    *,
    packing: Packing,
    **_: Any,
) -> tuple[Tensor, None]:
    query, key, value = (part[0].transpose(0, 1) for part in (query, key, value))
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    return packed_attention(query, key, value, packing, scale, dropout).unsqueeze(0), None


AttentionInterface.register(PACKED, _interface)
# Without padding the mask of a packed batch is none at all.
AttentionMaskInterface.register(PACKED, sdpa_mask)
