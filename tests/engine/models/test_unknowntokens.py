"""A tokenizer with more tokens than its model has embeddings: read as far as the library reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import run_stplay
from runner import small_recipe
from savedmodels import loaded, opened, saved
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
from smallmodels import DIMENSIONS, WORDS, exact_model, transformer
from tokenizers import AddedToken
from transformers import AutoTokenizer, RobertaConfig, RobertaModel

from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.errors import UserError
from stplay.runs.run import Run

TEXT = ["a red cat", "the old man sits under the green ball"]
EXTRA = "<entity>"
ROWS = 134  # as many as the tokenizer of these models has tokens


def extended(folder: Path, padding: bool = False) -> Path:
    """A model whose tokenizer has one special token more than the model has embeddings."""
    module: Any = transformer(1, folder / "made")
    if padding:
        module.tokenizer.pad_token = EXTRA
    module.tokenizer.add_special_tokens({"additional_special_tokens": [EXTRA]})
    model = SentenceTransformer(modules=[module, Pooling(DIMENSIONS)], device="cpu")
    folder = saved(model, folder / "model")
    assert AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids(EXTRA) == ROWS
    return folder


def test_what_uses_none_of_them_is_read(tmp_path: Path) -> None:
    model = opened(extended(tmp_path))
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    found = SentenceEncoder(model).encode(TEXT)
    np.testing.assert_allclose(found, plain.encode(TEXT), rtol=0, atol=1e-5)


@pytest.mark.parametrize("way", ["packed", "library", "static"])
def test_one_that_is_used_is_named(way: str, tmp_path: Path) -> None:
    if way == "static":
        model = exact_model()
        model.tokenizer.add_special_tokens([AddedToken(EXTRA)])  # pyright: ignore
        folder = saved(model, tmp_path / "model")
    else:
        folder = extended(tmp_path)
    encoder = SentenceEncoder(opened(folder))
    if way == "library":
        encoder.packed = None
    with pytest.raises(UserError) as refused:
        encoder.encode([*TEXT, f"a {EXTRA} cat"])
    number = len(WORDS) + 1 if way == "static" else ROWS
    assert refused.value.sentence.startswith(
        f"The model {folder} has no embedding of the token {EXTRA}, number {number}: it has"
    )
    assert encoder.encode(TEXT).shape[0] == 2
    with pytest.raises((IndexError, RuntimeError)):
        SentenceTransformer(str(folder), device="cpu").encode([f"a {EXTRA} cat"])


def test_padding_that_the_model_has_not_is_none_of_a_packed_sentence(tmp_path: Path) -> None:
    folder = extended(tmp_path, padding=True)
    model = opened(folder)
    plain = SentenceTransformer(str(folder), device="cpu")
    expected = [plain.encode(sentence) for sentence in TEXT]  # each alone: nothing is padded
    encoder = SentenceEncoder(model)
    np.testing.assert_allclose(encoder.encode(TEXT), expected, rtol=0, atol=1e-5)
    encoder.packed = None
    with pytest.raises(UserError, match=f"no embedding of the token {EXTRA}"):
        encoder.encode(TEXT)


@pytest.mark.parametrize("engine", ["fast", "stock"])
def test_a_training(engine: str, home: Path, tmp_path: Path) -> None:
    folder = extended(tmp_path)
    settings = {"model__base": str(folder), "training__engine": engine}
    arguments = small_recipe(tmp_path / "data", **settings, training__max_steps="4")
    done = run_stplay(*arguments, "--name=plain")
    assert done.returncode == 0, done.stderr
    started = Run.find("plain").read_log().started
    assert started is not None
    assert started.engine is not None
    assert (started.engine.name, started.engine.why) == (engine, None)
    words = loaded(Run.find("plain").model_folder()).model[0].auto_model  # pyright: ignore
    assert words.get_input_embeddings().num_embeddings == ROWS  # pyright: ignore
    # And where a sentence has it.
    rows = tmp_path / "data" / "train.jsonl"
    lines = [json.loads(line) for line in rows.read_text().splitlines()]
    for line in lines[::3]:
        line["anchor"] += f" {EXTRA}"
    rows.write_text("\n".join(map(json.dumps, lines)))
    done = run_stplay(*arguments, "--name=extra")
    assert done.returncode == 2
    assert f"has no embedding of the token {EXTRA}, number {ROWS}" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("padding", [-1, 1, 3])
def test_the_padding_of_a_configuration(padding: int, tmp_path: Path) -> None:
    """Whatever a RoBERTa counts its positions from, they are counted as the library does."""
    tokenizer: Any = transformer(1, tmp_path / "made").tokenizer
    config = RobertaConfig(
        vocab_size=310,  # and more embeddings than tokens
        hidden_size=DIMENSIONS,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=70,
        pad_token_id=padding,
        initializer_range=0.5,
    )
    torch.manual_seed(0)
    RobertaModel(config).save_pretrained(tmp_path / "roberta")
    tokenizer.save_pretrained(tmp_path / "roberta")
    modules = [Transformer(str(tmp_path / "roberta")), Pooling(DIMENSIONS)]
    folder = saved(SentenceTransformer(modules=modules, device="cpu"), tmp_path / "model")
    plain = SentenceTransformer(str(folder), device="cpu")
    found = SentenceEncoder(opened(folder)).encode(TEXT)
    np.testing.assert_allclose(found, plain.encode(TEXT), rtol=0, atol=1e-5)


def test_padding_beyond_the_embeddings_is_told_as_the_model_is_loaded(tmp_path: Path) -> None:
    folder = extended(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"pad_token_id": ROWS}))
    with pytest.raises(UserError, match="cannot be loaded: Padding_idx must be within num_emb"):
        opened(folder)
