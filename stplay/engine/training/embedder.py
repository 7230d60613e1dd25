"""What a training asks of a packed model: embeddings, in the precision that it trains in."""

from __future__ import annotations

import torch
from torch import Tensor

from stplay.engine.packed.packedmodel import PackedModel
from stplay.engine.packed.packing import Packing


class Embedder:
    """Embeds packings by ``packed``, its matrix products in ``precision``."""

    def __init__(self, packed: PackedModel, precision: torch.dtype = torch.float32) -> None:
        self.packed = packed
        self.precision = precision

    def __call__(self, packing: Packing) -> Tensor:
        """The embeddings of a packing, float32 of shape (sentences, dimensions)."""
        kind, half = packing.ids.device.type, self.precision != torch.float32
        # No weight is read twice, and a recorded step must not look for one in a cache.
        with torch.autocast(kind, self.precision, enabled=half, cache_enabled=False):
            return self.packed.embed(packing).float()
