"""MPNet over packed sentences: its attention knows no interface, and each layer shares a bias."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers import MPNetModel

from stplay.engine.packed.attention import packed_attention
from stplay.engine.packed.packing import Packing


def token_embeddings(model: MPNetModel, packing: Packing, positions: Tensor) -> Tensor:
    """The last hidden states of ``packing``, (1, tokens, width), as ``MPNetModel.forward``."""
    hidden = model.embeddings(input_ids=packing.ids, position_ids=positions)
    # Only the shape of the hidden states counts for the bias: that of the longest sentence.
    bias = model.encoder.compute_position_bias(hidden[:, : packing.longest])[0]
    layer: Any
    for layer in model.encoder.layer:
        attention = layer.attention
        own, shape = attention.attn, (packing.tokens, -1, attention.attn.attention_head_size)
        attended = packed_attention(
            own.q(hidden).view(shape),
            own.k(hidden).view(shape),
            own.v(hidden).view(shape),
            packing,
            own.attention_head_size**-0.5,
            own.dropout.p if own.training else 0.0,
            bias,
        )
        attended = own.o(attended.reshape(hidden.shape))
        attended = attention.LayerNorm(attention.dropout(attended) + hidden)
        hidden = layer.output(layer.intermediate(attended), attended)
    return hidden
