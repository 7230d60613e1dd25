"""Models that cannot read packed sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from architectures import WIDTH, encoder, network_of, tokenizer_of
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import (
    CNN,
    LSTM,
    Pooling,
    Transformer,
    WordWeights,
)
from smallmodels import exact_model
from torch import Tensor, nn
from transformers import AlbertConfig, AlbertModel, GPT2Config, GPT2Model, PreTrainedModel


def other_transformer(network: PreTrainedModel, folder: Path) -> Transformer:
    network.save_pretrained(folder)
    tokenizer_of("bert").save_pretrained(folder)
    return Transformer(str(folder))


def unpackable(kind: str, folder: Path) -> SentenceTransformer:
    """A model that ``why_not`` refuses."""
    size = len(tokenizer_of("bert"))
    first: list[Any] = [encoder("bert", folder / "bert")[0]]
    modules: dict[str, Any] = {
        "LSTM": lambda: [*first, LSTM(WIDTH, 6), Pooling(12)],
        "CNN": lambda: [*first, CNN(WIDTH, 6, [1, 3]), Pooling(12)],
        "WordWeights": lambda: [*first, word_weights(size), Pooling(WIDTH)],
        "module after pooling": lambda: [*first, Pooling(WIDTH), Doubled()],
        "nothing after": lambda: first,
        "ALBERT": lambda: [other_transformer(albert(size), folder / "a"), Pooling(WIDTH)],
        "GPT-2": lambda: [other_transformer(gpt2(size), folder / "g"), Pooling(WIDTH)],
        "decoder": lambda: [other_transformer(decoder(size), folder / "d"), Pooling(WIDTH)],
        "router": lambda: [
            Router.for_query_document([*first, Pooling(WIDTH)], [*first, Pooling(WIDTH)])
        ],
    }
    if kind == "static":
        return exact_model()
    return SentenceTransformer(modules=modules[kind](), device="cpu").eval()


class Doubled(nn.Module):
    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return features | {"sentence_embedding": features["sentence_embedding"] * 2}


def word_weights(size: int) -> WordWeights:
    return WordWeights([str(number) for number in range(size)], {"7": 3.0})


def albert(size: int) -> AlbertModel:
    return AlbertModel(
        AlbertConfig(
            vocab_size=size,
            embedding_size=8,
            hidden_size=WIDTH,
            num_attention_heads=2,
            intermediate_size=16,
            num_hidden_layers=1,
        )
    )


def gpt2(size: int) -> GPT2Model:
    return GPT2Model(GPT2Config(vocab_size=size, n_embd=WIDTH, n_layer=1, n_head=2))


def decoder(size: int) -> PreTrainedModel:
    network = network_of("bert", size)
    network.config.is_decoder = True
    return network
