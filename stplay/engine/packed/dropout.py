"""Dropout for CPUs, where torch's own costs as much as the matrix products around it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

LEVELS = 1 << 16


class _Drop(torch.autograd.Function):
    """Drops by random numbers of 16 bits, four of which torch's generator makes at a time."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dropped: int) -> Tensor:
        count = values.numel()
        words = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(1 << 63), None)
        numbers = words.view(torch.int16)[:count].view(values.shape)
        # One where a value is kept. Slower to compare: booleans are not vectorized.
        lowest = dropped - LEVELS // 2
        keep = numbers.clamp_(lowest - 1, lowest).sub_(lowest - 1).to(torch.int8)
        ctx.save_for_backward(keep)
        ctx.scale = LEVELS / (LEVELS - dropped)
        return _Drop._kept(values, keep, ctx.scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (keep,) = ctx.saved_tensors
        return _Drop._kept(gradients[0], keep, ctx.scale), None

    @staticmethod
    def _kept(values: Tensor, keep: Tensor, scale: float) -> Tensor:
        return (values * keep).mul_(scale)


def drop(values: Tensor, probability: float) -> Tensor:
    """``values``, of any shape, with dropout to the nearest 1/65536 of ``probability``.

    What is kept is scaled up to match, as by ``torch.nn.functional.dropout``.
    """
    dropped = round(probability * LEVELS)
    if not 0 < dropped < LEVELS:
        return values * (dropped == 0)
    return _Drop.apply(values, dropped)


class QuickDropout(nn.Dropout):
    """``torch.nn.Dropout`` by way of ``drop``; on other devices than CPUs it is the same."""

    def forward(self, input: Tensor) -> Tensor:
        """``input`` with dropout while training."""
        if not self.training or not self.p or input.device.type != "cpu":
            return super().forward(input)
        return drop(input, self.p)


def make_quick(model: nn.Module) -> None:
    """Let every ``torch.nn.Dropout`` of ``model`` be quick; nothing that is saved changes."""
    for module in model.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, QuickDropout(child.p).train(child.training))
