"""What stands for a CUDA graph where there is no GPU: it computes anew, in the graph's places."""

from __future__ import annotations

import torch
from torch import Tensor

from stplay.engine.packed.packing import Packing
from stplay.engine.training.capture import Embed, Recording, Sums


class Rerun:
    """Records by computing again what is asked for, and counts."""

    def __init__(self) -> None:
        self.forwards = self.backwards = self.recorded = 0

    def __call__(self, embed: Embed, sums: Sums, packing: Packing) -> Recording:
        self.recorded += 1
        packing = packing.copied()
        made: list[Tensor] = []
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            embeddings = embed(packing)
        gradient = torch.empty_like(embeddings)

        def forward() -> None:
            self.forwards += 1
            with torch.enable_grad():
                made[:] = [embed(packing)]
            embeddings.copy_(made[0].detach())

        def backward() -> None:
            self.backwards += 1
            sums.add(torch.autograd.grad(made[0], sums.parameters, gradient))

        return Recording(packing, embeddings, gradient, forward, backward)
