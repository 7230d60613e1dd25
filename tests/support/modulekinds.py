"""Models of every module that the library has."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from layouts import (
    LONGEST,
    WIDTH,
    WORDS,
    bert,
    edit,
    encoder,
    save,
    static,
    tokenizer,
    transformer,
)
from librarysown import ALL, Case, pad_with
from safetensors.torch import load_file, save_file
from sentence_transformers.base.modules import Dense, Router
from sentence_transformers.sentence_transformer.modules import (
    CNN,
    LSTM,
    BoW,
    CLIPModel,
    Dropout,
    LayerNorm,
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
    WeightedLayerPooling,
    WordEmbeddings,
    WordWeights,
)
from sentence_transformers.sentence_transformer.modules.tokenizer import WhitespaceTokenizer
from torch import nn
from transformers import (
    AlbertConfig,
    AutoModel,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPProcessor,
    DebertaV2Config,
    GPT2Config,
    ModernBertConfig,
    PreTrainedConfig,
    T5Config,
)

VOCABULARY = ["", *WORDS]

SIZE = len(tokenizer())


def network(config: PreTrainedConfig, words: Any = None, **settings: Any) -> Any:
    """An encoder with a transformer of another architecture."""

    def make(folder: Path) -> None:
        place = folder.with_name(f"{folder.name}-network")
        torch.manual_seed(0)
        AutoModel.from_config(config).save_pretrained(place)
        (words or tokenizer()).save_pretrained(place)
        save(folder, Transformer(str(place)), Pooling(WIDTH))
        edit(folder / "sentence_bert_config.json", **settings)

    return make


def clip(folder: Path) -> None:
    """What reads pictures too, of which only the sentences are of use here."""
    shape = {"hidden_size": WIDTH, "intermediate_size": 24, "num_hidden_layers": 1}
    shape |= {"num_attention_heads": 2, "initializer_range": 0.5}
    ids = {"vocab_size": SIZE, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 0}
    config = CLIPConfig(
        text_config=shape | ids | {"max_position_embeddings": LONGEST},
        vision_config=shape | {"image_size": 8, "patch_size": 4},
        projection_dim=WIDTH,
    )
    place = folder.with_name("clip")
    AutoModel.from_config(config).save_pretrained(place)
    pictures = CLIPImageProcessor(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8})
    CLIPProcessor(pictures, tokenizer(eos_token="[SEP]")).save_pretrained(place)
    save(folder, CLIPModel(str(place)))


def words(wide: int = WIDTH, **settings: Any) -> WordEmbeddings:
    """Embeddings of words by a tokenizer that is not transformers'."""
    weights = np.random.default_rng(0).normal(size=(len(VOCABULARY), wide))
    weights[0] = 0
    return WordEmbeddings(WhitespaceTokenizer(VOCABULARY, stop_words=["the"]), weights, **settings)


def of_words(*after: nn.Module, **settings: Any) -> Any:
    return lambda folder: save(folder, words(**settings), *after)


def pieces(folder: Path) -> None:
    weights = np.random.default_rng(0).normal(size=(len(tokenizer()), WIDTH))
    save(folder, WordEmbeddings(tokenizer(), weights), Pooling(WIDTH))


def after_transformer(*after: nn.Module) -> Any:
    return lambda folder: save(folder, transformer(folder), *after)


def bag(*after: nn.Module, **settings: Any) -> Any:
    return lambda folder: save(folder, BoW(VOCABULARY, **settings), *after)


def layers(folder: Path) -> None:
    """The weighted mean of all layers."""
    network = Transformer(str(bert(folder.with_name("network"), output_hidden_states=True)))
    pooled = WeightedLayerPooling(WIDTH, num_hidden_layers=2, layer_start=1)
    with torch.no_grad():
        pooled.layer_weights.copy_(torch.tensor([0.3, 2.0]))
    save(folder, network, pooled, Pooling(WIDTH))


def static_as(dtype: torch.dtype) -> Any:
    def make(folder: Path) -> None:
        static(folder)
        weights = load_file(folder / "model.safetensors")
        weights = {name: each.to(dtype) for name, each in weights.items()}
        save_file(weights, folder / "model.safetensors")

    return make


def model2vec(folder: Path) -> None:
    """As model2vec writes them: rows shared by tokens, and a weight for each token."""
    static(folder)
    rows = load_file(folder / "model.safetensors")["embedding.weight"]
    mapping = torch.arange(len(rows)) % 20
    weights = torch.linspace(0.5, 2, len(rows), dtype=torch.float64)
    given = {"embeddings": rows[:20].clone(), "mapping": mapping, "weights": weights}
    save_file(given, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "model2vec"}))


def routed(default: str | None = "document", **given: Any) -> Any:
    """Queries by a static embedding, documents by a transformer."""

    def make(folder: Path) -> None:
        torch.manual_seed(1)
        query = [StaticEmbedding(tokenizer(), embedding_dim=WIDTH), Normalize()]
        document = [transformer(folder), Pooling(WIDTH), Normalize()]
        routes: Any = {"query": query, "document": document}
        save(folder, Router(routes, default_route=default, **given))

    return make


def routed_later(folder: Path) -> None:
    torch.manual_seed(2)
    heads = Router.for_query_document([Dense(WIDTH, 6)], [Dense(WIDTH, 6), Normalize()])
    save(folder, transformer(folder), Pooling(WIDTH), heads)


def routes_of_other_names(folder: Path) -> None:
    routes: Any = {
        "sts": [transformer(folder), Pooling(WIDTH)],
        "search": [words(), Pooling(WIDTH)],
    }
    save(folder, Router(routes, default_route="sts"))


def mapped_routes(folder: Path) -> None:
    routes: Any = {"one": [transformer(folder), Pooling(WIDTH)], "two": [words(), Pooling(WIDTH)]}
    mappings: Any = {("query", "text"): "two", ("document", None): "one", (None, None): "one"}
    save(folder, Router(routes, default_route="one", route_mappings=mappings))


def routed_by_modality(folder: Path) -> None:
    routes: Any = {"text": [transformer(folder), Pooling(WIDTH)]}
    save(folder, Router(routes))


def asym(folder: Path) -> None:
    """A router under its first name, its settings in a config.json."""
    routed()(folder)
    (folder / "router_config.json").rename(folder / "config.json")
    text = (folder / "modules.json").read_text()
    old = text.replace("base.modules.router.Router", "models.Asym")
    assert old != text
    (folder / "modules.json").write_text(old)


SHAPE: dict[str, Any] = {
    "vocab_size": SIZE,
    "hidden_size": WIDTH,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": LONGEST,
    "initializer_range": 0.5,
}

FAR = {"relative_attention": True, "position_biased_input": False, "max_relative_positions": 8}

FEW: dict[str, Any] = {"num_layers": 1, "num_heads": 2, "d_kv": 8, "d_ff": 24}

GPT2 = GPT2Config(vocab_size=SIZE, n_embd=WIDTH, n_layer=1, n_head=2, n_positions=LONGEST)

ENDLESS = tokenizer(model_max_length=None)

NETWORKS = [
    Case(network(AlbertConfig(**SHAPE, embedding_size=8))),
    Case(network(ModernBertConfig(**SHAPE, pad_token_id=0))),
    # Without a table of positions a sentence may be longer than the configuration says, ...
    Case(network(DebertaV2Config(**SHAPE, **FAR), max_seq_length=48)),
    # ... or as long as can be: the tokenizer's own word for that is a number beyond 64 bits.
    Case(network(T5Config(vocab_size=SIZE, d_model=WIDTH, **FEW), ENDLESS)),
    # Decoders often name no padding token.
    Case(network(GPT2, tokenizer(pad_token=None)), ALL, pad_with("[SEP]")),
]

POOLINGS = [*Pooling.POOLING_MODES, *itertools.pairwise(Pooling.POOLING_MODES)]

MODULES: dict[str, list[Case]] = {
    "Transformer": [Case(encoder), *NETWORKS],
    "Pooling": [
        *(Case(lambda folder, mode=mode: encoder(folder, pooling=mode)) for mode in POOLINGS),
        Case(lambda folder: encoder(folder, pooling=Pooling.POOLING_MODES)),
    ],
    "Dense": [
        *(
            Case(lambda folder, act=act: encoder(folder, Dense(WIDTH, 6, activation_function=act)))
            for act in (nn.Identity(), nn.ReLU(), nn.Tanh())
        ),
        Case(lambda folder: encoder(folder, Dense(WIDTH, 6, bias=False, use_residual=True))),
        Case(after_transformer(Dense(WIDTH, 6, module_input_name="token_embeddings"), Pooling(6))),
    ],
    "LayerNorm": [Case(lambda folder: encoder(folder, LayerNorm(WIDTH)))],
    "Normalize": [Case(lambda folder: encoder(folder, Normalize()))],
    "Dropout": [Case(lambda folder: encoder(folder, Dropout(0.5)))],
    "WeightedLayerPooling": [Case(layers)],
    "StaticEmbedding": [
        Case(static),
        Case(lambda folder: static(folder, Normalize())),
        Case(lambda folder: static(folder, Dense(WIDTH, 6))),
        Case(static_as(torch.float64)),
        Case(static_as(torch.float16)),
        Case(model2vec),
    ],
    "WordEmbeddings": [
        Case(of_words(Pooling(WIDTH))),
        Case(of_words(Pooling(WIDTH, ("mean", "lasttoken")), max_seq_length=6)),
        # Whoever calls encode_query gives a task, which the wrapper of the tokenizer does not take.
        Case(pieces, ("query", "document")),
    ],
    "CLIPModel": [Case(clip)],
    "CNN": [Case(of_words(CNN(WIDTH, 6, [1, 3]), Pooling(12)))],
    "LSTM": [Case(of_words(LSTM(WIDTH, 6), Pooling(12)))],
    "WordWeights": [
        Case(of_words(WordWeights(VOCABULARY, {"cat": 3.0, "dog": 0.5}), Pooling(WIDTH)))
    ],
    "BoW": [
        Case(bag()),
        Case(bag(Normalize())),
        Case(bag(Dense(len(VOCABULARY), 6), word_weights={"cat": 2.0})),
    ],
    "Router": [
        Case(routed()),
        Case(routed(None, allow_empty_key=False), (None,)),
        Case(routed_later),
        Case(routes_of_other_names, ("query", "document")),
        Case(mapped_routes),
        Case(routed_by_modality),
        Case(asym),
    ],
}
