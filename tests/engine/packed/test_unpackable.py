"""What cannot read packed sentences says why, and is left to the library."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from architectures import encoder, texts
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import (
    Transformer,
)
from unpackablemodels import (
    unpackable,
)

from stplay.engine.packed.packedmodel import why_not
from stplay.engine.packed.sentenceencoder import SentenceEncoder


def encode_both(
    model: SentenceTransformer, sentences: list[str]
) -> list[tuple[NDArray[np.floating], NDArray[np.floating]]]:
    """Ours and the library's embeddings, for each task."""
    encoding = SentenceEncoder(model)
    return [
        (encoding.encode(sentences), model.encode(sentences)),
        (encoding.encode(sentences, "query"), model.encode_query(sentences)),
        (encoding.encode(sentences, "document"), model.encode_document(sentences)),
    ]


@pytest.mark.parametrize("setting", ["query_length", "document_length", "output"])
def test_settings_of_the_transformer_that_a_packing_has_not(setting: str, tmp_path: Path) -> None:
    model = encoder("bert", tmp_path)
    first = model[0]
    assert isinstance(first, Transformer)
    if setting == "output":
        first.modality_config["text"]["method_output_name"] = ["hidden_states", -2]  # pyright: ignore
    else:
        setattr(first, setting, 5)
    assert why_not(model) == "it is no plain sentence encoder"
    for found, expected in encode_both(model, texts([30, 4], "bert")):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_tokenizer_that_makes_nothing_of_an_empty_sentence(tmp_path: Path) -> None:
    model = encoder("bert", tmp_path, pooling="cls")
    model.tokenizer.backend_tokenizer.post_processor = None
    assert why_not(model) == "its tokenizer makes no token of an empty sentence"
    for found, expected in encode_both(model, ["a b", "", "c", *texts([30, 4], "bert")]):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_activations_computed_again_would_not_be_packed(tmp_path: Path) -> None:
    model = encoder("bert", tmp_path)
    first = model[0]
    assert isinstance(first, Transformer)
    first.model._set_gradient_checkpointing(enable=True)
    assert why_not(model) == "it computes its activations again (gradient checkpointing)"
    first.model._set_gradient_checkpointing(enable=False)
    assert why_not(model) is None


def test_what_the_library_packs_by_itself(tmp_path: Path) -> None:
    model = encoder("bert", tmp_path)
    first = model[0]
    assert isinstance(first, Transformer)
    first.can_flatten_inputs = True  # as with flash-attn, which needs a GPU
    assert why_not(model) == "the library packs its sentences by itself"


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("static", "it does not begin with a transformer of torch"),
        ("router", "it does not begin with a transformer of torch"),
        ("LSTM", "its transformer is not followed by pooling"),
        ("CNN", "its transformer is not followed by pooling"),
        ("WordWeights", "its transformer is not followed by pooling"),
        ("nothing after", "its transformer is not followed by pooling"),
        ("module after pooling", "it has a module of another kind, Doubled"),
        ("ALBERT", "its architecture, albert, is none of bert, distilbert, mpnet, roberta"),
        ("GPT-2", "its architecture, gpt2, is none of bert, distilbert, mpnet, roberta"),
        ("decoder", "it is a decoder"),
    ],
)
def test_what_cannot_be_packed_is_left_to_the_library(kind: str, why: str, tmp_path: Path) -> None:
    model = unpackable(kind, tmp_path)
    assert (why_not(model) or "").startswith(why)
    encoding = SentenceEncoder(model)
    assert encoding.packed is None
    if kind in ("nothing after", "LSTM"):  # the library cannot encode with them either
        return
    source = random.Random(0)
    sentences = [" ".join(source.choices("abcdefg", k=source.randint(1, 20))) for _ in range(30)]
    found, expected = encoding.encode(sentences, "query"), model.encode_query(sentences)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
