"""A packed model is the library's model: its embeddings, its gradients, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from architectures import (
    ARCHITECTURES,
    LONGEST,
    WIDTH,
    Architecture,
    encoder,
    texts,
)
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import (
    Dropout,
    LayerNorm,
    Normalize,
    Transformer,
)
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn

from stplay.engine.packed.dropout import make_quick
from stplay.engine.packed.packedmodel import PackedModel, why_not
from stplay.engine.packed.packing import Packing
from stplay.engine.packed.sentenceencoder import SentenceEncoder

LENGTHS = {
    "one": [30],
    "one of the fewest tokens": [2],
    "one of the most tokens": [LONGEST],
    "all equal": [9] * 6,
    "wildly unequal": [3, LONGEST, 7, 100],
    "all lengths": [*range(2, 90)],
}
POOLINGS = ("cls", "mean", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")

all_architectures = pytest.mark.parametrize("architecture", ARCHITECTURES)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[Architecture, SentenceTransformer]:
    return {
        architecture: encoder(architecture, tmp_path_factory.mktemp(architecture))
        for architecture in ARCHITECTURES
    }


def embed(
    packed: PackedModel, sentences: Sequence[str], prompt: str | None = None
) -> NDArray[np.float32]:
    """The embeddings of ``sentences`` in one packing."""
    tokenized = packed.tokenize(sentences, prompt)
    with torch.inference_mode():
        found = packed.embed(Packing(tokenized.sentences), tokenized.prompt_length)
    return found.numpy()


def attention_of(model: SentenceTransformer) -> str | None:
    """The attention that the model's transformer is set to."""
    first = model[0]
    assert isinstance(first, Transformer)
    return first.model.config._attn_implementation


def assert_equal(
    model: SentenceTransformer, sentences: Sequence[str], prompt: str | None = None
) -> None:
    """One packing, the encoder's batches and the library's give the same embeddings."""
    assert why_not(model) is None
    given = [*sentences]
    expected = model.encode(given, prompt=prompt, show_progress_bar=False)
    found = embed(PackedModel(model), given, prompt)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    if prompt is None:
        np.testing.assert_allclose(
            SentenceEncoder(model).encode(given), expected, rtol=0, atol=1e-5
        )
    # The library itself gives the same as before.
    after = model.encode(given, prompt=prompt, show_progress_bar=False)
    np.testing.assert_array_equal(after, expected)


@pytest.mark.parametrize("lengths", LENGTHS.values(), ids=LENGTHS)
@all_architectures
def test_embeddings(
    encoders: dict[Architecture, SentenceTransformer],
    architecture: Architecture,
    lengths: list[int],
) -> None:
    model, sentences = encoders[architecture], texts(lengths, architecture)
    tokenized = PackedModel(model).tokenize(sentences)
    assert [len(tokens) for tokens in tokenized.sentences] == lengths
    assert tokenized.prompt_length is None
    assert_equal(model, sentences)


@all_architectures
def test_what_is_too_long_is_cut(
    encoders: dict[Architecture, SentenceTransformer], architecture: Architecture
) -> None:
    assert_equal(encoders[architecture], texts([700, 5, 600], architecture))


@all_architectures
def test_special_tokens_in_the_text(
    encoders: dict[Architecture, SentenceTransformer], architecture: Architecture
) -> None:
    model = encoders[architecture]
    padding = model.tokenizer.pad_token
    special = [padding, model.tokenizer.mask_token, model.tokenizer.sep_token]
    sentences = ["", padding, f"a{padding}b", f"{padding}{padding}a b c{padding}"]
    sentences += [f"a {each} b {each}" for each in special]
    tokens = PackedModel(model).tokenize(sentences).sentences
    assert [int((each == model.tokenizer.pad_token_id).sum()) for each in tokens[:4]] == [
        0,
        1,
        1,
        3,
    ]
    assert_equal(model, [*sentences, *texts([40, 9], architecture)])


def test_sentences_of_one_token(tmp_path: Path) -> None:
    model = encoder("bert", tmp_path)
    template = TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    model.tokenizer.backend_tokenizer.post_processor = template
    sentences = ["", "a", *texts([LONGEST, 8], "bert")]
    assert [len(tokens) for tokens in PackedModel(model).tokenize(sentences).sentences[:2]] == [
        1,
        2,
    ]
    assert_equal(model, sentences)
    assert_equal(model, [""])


def test_padding_on_the_left_is_no_token(tmp_path: Path) -> None:
    model = encoder("bert", tmp_path)
    sentences = texts([3, 50, 7], "bert")
    before = [tokens.tolist() for tokens in PackedModel(model).tokenize(sentences).sentences]
    model.tokenizer.padding_side = "left"
    after = [tokens.tolist() for tokens in PackedModel(model).tokenize(sentences).sentences]
    assert after == before


@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("pooling", [*POOLINGS, POOLINGS])
def test_poolings_and_prompts(
    pooling: str | tuple[str, ...], include_prompt: bool, tmp_path: Path
) -> None:
    model = encoder("xlm-roberta", tmp_path, pooling=pooling, include_prompt=include_prompt)
    sentences = ["", *texts([3, 120, 7, 40, 40, 2], "xlm-roberta")]
    assert_equal(model, sentences)
    assert_equal(model, sentences, prompt="a b c d ")
    packed = PackedModel(model)
    assert packed.tokenize(sentences, "a b c d ").prompt_length == 5
    different = embed(packed, sentences) - embed(packed, sentences, "a b c d ")
    assert np.abs(different).max() > 1e-2


@all_architectures
def test_a_prompt_that_is_not_pooled(architecture: Architecture, tmp_path: Path) -> None:
    settings = {"prompts": {"query": "a b c ", "document": "d e "}}
    model = encoder(architecture, tmp_path, include_prompt=False, **settings)
    sentences = texts([3, LONGEST, 7, 100], architecture)
    found = SentenceEncoder(model).encode(sentences, "query")
    np.testing.assert_allclose(found, model.encode_query(sentences), rtol=0, atol=1e-5)
    found = SentenceEncoder(model).encode(sentences, "document")
    np.testing.assert_allclose(found, model.encode_document(sentences), rtol=0, atol=1e-5)


@pytest.mark.parametrize("dimensions", [None, 1, 7])
def test_modules_after_pooling(dimensions: int | None, tmp_path: Path) -> None:
    after = [Dense(WIDTH, 11), LayerNorm(11), Dropout(0.5), Dense(11, 9), Normalize()]
    model = encoder("mpnet", tmp_path, *after, truncate_dim=dimensions)
    sentences = texts([3, 90, 7, 20], "mpnet")
    expected = model.encode(sentences)
    assert expected.shape == (4, dimensions or 9)
    np.testing.assert_allclose(
        SentenceEncoder(model).encode(sentences), expected, rtol=0, atol=1e-5
    )
    np.testing.assert_allclose(
        SentenceEncoder(model, 4).encode(sentences),
        model.encode(sentences, truncate_dim=4),
        rtol=0,
        atol=1e-5,
    )


@all_architectures
def test_half_precision(architecture: Architecture, tmp_path: Path) -> None:
    model = encoder(architecture, tmp_path, Normalize())
    sentences = texts([3, 130, 7, 100, 9, 9], architecture)
    whole = model.encode(sentences)
    with torch.autocast("cpu", torch.bfloat16):
        casted = embed(PackedModel(model), sentences)
    half = SentenceEncoder(model.bfloat16()).encode(sentences)
    assert half.dtype == np.float32
    for found in (half, casted):
        assert ((found * whole).sum(1) > 0.99).all()


@all_architectures
def test_nothing_of_it_is_saved(architecture: Architecture, tmp_path: Path) -> None:
    model = encoder(architecture, tmp_path / "made")
    model.encode(["a b"])  # the library keeps in the tokenizer how it cuts and pads
    before, after = tmp_path / "before", tmp_path / "after"
    model.save_pretrained(str(before), create_model_card=False)
    implementation = attention_of(model)
    SentenceEncoder(model).encode(texts([3, 9], architecture))
    assert attention_of(model) == implementation
    model.save_pretrained(str(after), create_model_card=False)
    files = sorted(path.relative_to(before) for path in before.rglob("*") if path.is_file())
    assert {"config.json", "modules.json", "model.safetensors"} <= {path.name for path in files}
    for path in files:
        assert (after / path).read_bytes() == (before / path).read_bytes()
    assert "packed" not in json.dumps(json.loads((after / "config.json").read_text()))


def test_a_failed_forward_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    model = encoder("bert", tmp_path)
    before = attention_of(model)
    with pytest.raises(IndexError):
        PackedModel(model).embed(Packing([[2, 10_000, 3]]))
    assert attention_of(model) == before


@pytest.mark.parametrize("setting", ["return_dict", "output_hidden_states", "output_attentions"])
@all_architectures
def test_outputs_that_nobody_reads(
    architecture: Architecture, setting: str, tmp_path: Path
) -> None:
    model = encoder(architecture, tmp_path)
    first = model[0]
    assert isinstance(first, Transformer)
    first.model.set_attn_implementation("eager")  # no other gives attentions
    setattr(first.model.config, setting, setting != "return_dict")
    assert_equal(model, texts([3, 50, 7], architecture))


def gradients(model: SentenceTransformer, embeddings: Tensor) -> dict[str, Tensor | None]:
    """What each parameter gets of a loss in which every number counts."""
    random = torch.Generator().manual_seed(1)
    weights = torch.randn(embeddings.shape, generator=random)
    model.zero_grad()
    (embeddings * weights).sum().backward()
    return {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("quick", [False, True])
@all_architectures
def test_gradients_are_the_librarys(
    architecture: Architecture, quick: bool, tmp_path: Path
) -> None:
    # In double precision nothing but a mistake makes a difference.
    model = encoder(architecture, tmp_path, Dense(WIDTH, 7), Normalize()).double().train()
    if quick:
        make_quick(model)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            # Near nought drops nothing, and takes the way of dropout.
            module.p = 1e-15 if quick else 0.0
    sentences = ["", *texts([3, 150, 7, 100, 9, 9], architecture)]
    packed = PackedModel(model)
    found = packed.embed(Packing(packed.tokenize(sentences).sentences))
    expected = model(model.preprocess(sentences))["sentence_embedding"]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    ours, librarys = gradients(model, found), gradients(model, expected)
    counted = 0
    for name, gradient in librarys.items():
        other = ours[name]
        assert (gradient is None) == (other is None), name
        if gradient is None or other is None:
            continue
        counted += 1
        torch.testing.assert_close(other, gradient, rtol=1e-9, atol=1e-12)
    assert counted >= len(librarys) - 2  # the library's pooler, of which nothing here is used


@all_architectures
def test_dropout_replays(architecture: Architecture, tmp_path: Path) -> None:
    model = encoder(architecture, tmp_path).train()
    make_quick(model)
    packed = PackedModel(model)
    packing = Packing(packed.tokenize(texts([3, 150, 7], architecture)).sentences)
    state = torch.get_rng_state()
    first, second = packed.embed(packing), packed.embed(packing)
    torch.set_rng_state(state)
    torch.testing.assert_close(packed.embed(packing), first, rtol=0, atol=0)
    assert not torch.allclose(first, second, atol=1e-3)
    model.eval()
    torch.testing.assert_close(packed.embed(packing), packed.embed(packing), rtol=0, atol=0)


@all_architectures
def test_the_dropout_of_attention_alone(architecture: Architecture, tmp_path: Path) -> None:
    model = encoder(architecture, tmp_path).train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    packed = PackedModel(model)
    packing = Packing(packed.tokenize(texts([3, 50, 7], architecture)).sentences)
    torch.testing.assert_close(packed.embed(packing), packed.embed(packing), rtol=0, atol=0)
    for module in model.modules():
        if type(module).__name__.endswith("SelfAttention"):
            for dropout in module.children():
                if isinstance(dropout, nn.Dropout):
                    dropout.p = 0.5
    assert not torch.allclose(packed.embed(packing), packed.embed(packing), atol=1e-3)
    model.eval()
    torch.testing.assert_close(packed.embed(packing), packed.embed(packing), rtol=0, atol=0)
