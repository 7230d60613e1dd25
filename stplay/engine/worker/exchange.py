"""What the processes of a training exchange on their devices, without waiting for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, distributed

if TYPE_CHECKING:
    from stplay.engine.worker.ranks import Ranks


class _Gathering(torch.autograd.Function):
    """Puts together what each rank has, (counts[rank], dimensions) each.

    Every rank computes the same loss of the whole, so its gradient is there already: the own rows
    of it are taken, and nothing is exchanged. torch's and the library's own functions sum the
    gradients of all ranks, for losses of which each rank has a part.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, counts: Sequence[int], ranks: Ranks) -> Tensor:
        ctx.first, ctx.rows = sum(counts[: ranks.rank]), counts[ranks.rank]
        most = max(counts)
        padded = own.new_zeros(most, own.shape[1])
        padded[: len(own)] = own
        parts = own.new_empty(len(counts), most, own.shape[1])
        distributed.all_gather([*parts], padded)
        ranks.exchanged += 1
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        return gradients[0][ctx.first : ctx.first + ctx.rows], None, None


def gathered(own: Tensor, counts: Sequence[int], ranks: Ranks) -> Tensor:
    """What each of ``ranks`` has, (counts[rank], dimensions), one after the other, with gradients.

    This one has its ``own``.
    """
    return _Gathering.apply(own, counts, ranks)


class Agreement:
    """How many asked for each of some things, on its way from the device.

    Read late, it is not waited for.
    """

    def __init__(self, sums: Tensor) -> None:
        on_cuda = sums.device.type == "cuda"
        self._sums = sums.clone().to("cpu", non_blocking=on_cuda)
        self._copied = torch.cuda.Event() if on_cuda else None
        if self._copied is not None:
            self._copied.record()

    @property
    def counts(self) -> list[float]:
        """So many asked for each."""
        if self._copied is not None:
            self._copied.synchronize()
        return self._sums.tolist()
