"""A sentence encoder that reads packed sentences: for training, evaluation and exploring alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import (
    Dropout,
    LayerNorm,
    Normalize,
    Pooling,
    Transformer,
)
from torch import Tensor
from transformers import MPNetModel, PretrainedConfig, PreTrainedTokenizerBase

from stplay.engine.packed import mpnet
from stplay.engine.packed.attention import PACKED
from stplay.engine.packed.packing import Packing, TokenIds

# The value tells whether positions are counted from the padding id, as the RoBERTa family does.
ARCHITECTURES = {
    "bert": False,
    "distilbert": False,
    "mpnet": True,
    "roberta": True,
    "xlm-roberta": True,
}
AFTER_POOLING = (Dense, Dropout, LayerNorm, Normalize)
TOKENIZED_TOGETHER = 1024


class Tokenized:
    """The token ids of sentences; ``prompt_length`` is that of the prompt before each of them."""

    def __init__(self, sentences: list[TokenIds], prompt_length: int | None = None) -> None:
        self.sentences = sentences
        self.prompt_length = prompt_length


class PackedModel:
    """``model``, read as the library reads it, but without padding."""

    def __init__(self, model: SentenceTransformer) -> None:
        """Take ``model``, of which ``why_not`` has nothing to say."""
        self.model = model
        self.transformer: Any = model[0].auto_model
        self._padding_id = _positions_begin_after(self.transformer)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Have attention take packed sentences; only now, as others call the same model padded.

        Threads that read side by side do so within one such context around all of them.
        """
        config: PretrainedConfig = self.transformer.config
        before = config._attn_implementation
        config._attn_implementation = PACKED
        try:
            yield
        finally:
            config._attn_implementation = before

    @property
    def tokenizer_state(self) -> bytes:
        """All that decides what a sentence's tokens are."""
        tokenizer = self.model.tokenizer
        state = repr(tokenizer)
        if tokenizer.is_fast:
            rules = json.loads(tokenizer.backend_tokenizer.to_str())
            # Set anew at each call, and so whatever the last one left.
            state = json.dumps(rules | {"padding": None, "truncation": None})
        return f"{type(tokenizer).__name__} {self.model.max_seq_length} {state}".encode()

    def tokenize(self, sentences: Sequence[str], prompt: str | None = None) -> Tokenized:
        """The tokens of ``sentences`` as the model's own preprocessing finds them.

        An int32 array (tokens,) for each of them, in their order.
        """
        # By length: the library pads those of one call to the longest of them.
        order = sorted(range(len(sentences)), key=lambda place: len(sentences[place]))
        found: dict[int, TokenIds] = {}
        prompt_length: int | None = None
        for first in range(0, len(order), TOKENIZED_TOGETHER):
            places = order[first : first + TOKENIZED_TOGETHER]
            features = _tokenized(self.model, [sentences[each] for each in places], prompt)
            prompt_length = cast("int | None", features.get("prompt_length"))
            rows = zip(features["input_ids"], features["attention_mask"], strict=True)
            ids = [np.array(each, np.int32)[np.array(mask, bool)] for each, mask in rows]
            found.update(zip(places, ids, strict=True))
        return Tokenized([found[place] for place in range(len(order))], prompt_length)

    def embed(self, packing: Packing, prompt_length: int | None = None) -> Tensor:
        """The embeddings of the packed sentences, (sentences, dimensions), in the order given.

        They are in the model's precision, or in that of the autocast around the call.
        """
        features: dict[str, object] = {
            "token_embeddings": self._token_embeddings(packing),
            "cu_seq_lens_q": packing.starts.long(),
            "seq_idx": packing.sentences,
        }
        if prompt_length is not None:
            features["prompt_length"] = prompt_length
        for module in [*self.model][1:]:
            features = module(features)
        embeddings = features["sentence_embedding"]
        assert isinstance(embeddings, Tensor)
        return embeddings.index_select(0, packing.places)

    def _token_embeddings(self, packing: Packing) -> Tensor:
        positions = packing.positions(self._padding_id)
        if isinstance(self.transformer, MPNetModel):
            return mpnet.token_embeddings(self.transformer, packing, positions)
        with self.reading():
            output = self.transformer(
                input_ids=packing.ids, position_ids=positions, packing=packing, return_dict=True
            )
        return output.last_hidden_state


def why_not(model: SentenceTransformer) -> str | None:
    """Why ``model`` cannot read packed sentences, as the end of a sentence, or ``None``.

    It is no refusal: the library's own path is taken instead, which reads all that it can load.
    """
    modules = [*model]
    first = modules[0] if modules else None
    if type(first) is not Transformer or first.backend != "torch":
        return "it does not begin with a transformer of torch"
    kind = getattr(first.auto_model.config, "model_type", None)
    if kind not in ARCHITECTURES:
        return f"its architecture, {kind}, is none of {', '.join(ARCHITECTURES)}"
    if getattr(first.auto_model.config, "is_decoder", False):
        return "it is a decoder"
    # It would happen outside of ``_packed``, and every sentence would attend to all others.
    layers = first.auto_model.modules()
    if any(getattr(layer, "gradient_checkpointing", False) for layer in layers):
        return "it computes its activations again (gradient checkpointing)"
    if first.can_flatten_inputs:  # flash-attn is installed and asked for: nothing is padded
        return "the library packs its sentences by itself"
    if not isinstance(model.tokenizer, PreTrainedTokenizerBase):
        return "it has no tokenizer of transformers"
    if reason := _why_not_tokenized(model, first):
        return reason
    if not _is_plain(first):
        return "it is no plain sentence encoder"
    if len(modules) < 2 or type(modules[1]) is not Pooling:
        return "its transformer is not followed by pooling"
    for module in modules[2:]:
        if type(module) not in AFTER_POOLING:
            return f"it has a module of another kind, {type(module).__name__}"
    return None


def _why_not_tokenized(model: SentenceTransformer, first: Transformer) -> str | None:
    features = _tokenized(model, ["", "a"])
    if "attention_mask" not in features:  # the library attends to padding, then, and pools it
        return "its tokenizer does not tell padding from tokens"
    if not any(features["attention_mask"][0]):
        return "its tokenizer makes no token of an empty sentence"
    if any(map(any, features.get("token_type_ids", ()))):
        return "its tokenizer gives tokens a type"
    counted_from = _positions_begin_after(first.auto_model)
    if model.tokenizer.padding_side == "left" and model.tokenizer.pad_token_id != counted_from:
        # The library counts the padding as positions before a sentence's own.
        return "its tokenizer pads on the left"
    return None


def _positions_begin_after(transformer: Any) -> int | None:
    """The padding id that positions are counted from, or ``None`` where they begin at 0."""
    by_padding = ARCHITECTURES[transformer.config.model_type]
    return transformer.embeddings.padding_idx if by_padding else None


def _tokenized(
    model: SentenceTransformer, sentences: list[str], prompt: str | None = None
) -> dict[str, Any]:
    """The library's features of ``sentences`` as lists, which need no token to pad with."""
    padding = model.tokenizer.pad_token_id is not None
    wanted = {"text": {"padding": padding}, "common": {"return_tensors": None}}
    return model.preprocess(sentences, prompt=prompt, processing_kwargs=wanted)


def _is_plain(transformer: Transformer) -> bool:
    """Whether the last hidden states are what is pooled, and each task reads alike."""
    tasks = (transformer.query_expansion, transformer.query_length, transformer.document_length)
    return (
        transformer.transformer_task == "feature-extraction"
        and transformer.module_output_name == "token_embeddings"
        and set(transformer.modality_config) == {"text"}
        and all(
            (way["method"], way["method_output_name"]) == ("forward", "last_hidden_state")
            for way in transformer.modality_config.values()
        )
        and all(setting is None for setting in tasks)
    )
