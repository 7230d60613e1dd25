"""The one place that encodes gives what ``model.encode`` gives, and encodes nothing twice."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from smallmodels import DIMENSIONS, exact_model, sentence, small_model

from stplay.engine.packed.sentenceencoder import SentenceEncoder, Task


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> SentenceTransformer:
    prompts = {"query": "two red ", "document": "the old house "}
    return small_model(1, tmp_path_factory.mktemp("model"), prompts=prompts)


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    source = random.Random(0)
    found = [sentence(source, source.choice((1, 2, 5, 30, 200))) for _ in range(120)]
    return [*found, "", "  ", "ünïcode 🐈 " * 9, *found[:40], found[0]]


@contextmanager
def batches_of(model: SentenceTransformer) -> Iterator[list[tuple[int, int]]]:
    """How many sentences and tokens go through the model together."""
    batches: list[tuple[int, int]] = []

    def seen(module: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
        features = arguments[0]
        batches.append((len(features["cu_seq_lens_q"]) - 1, features["token_embeddings"].shape[1]))

    hook = model[1].register_forward_pre_hook(seen)
    try:
        yield batches
    finally:
        hook.remove()


@pytest.mark.parametrize("task", [None, "query", "document"])
def test_embeddings_equal_the_librarys(
    model: SentenceTransformer, sentences: list[str], task: Task | None
) -> None:
    encode = {None: model.encode, "query": model.encode_query, "document": model.encode_document}
    expected = encode[task](sentences, show_progress_bar=False)
    found = SentenceEncoder(model).encode(sentences, task)
    assert found.shape == (len(sentences), DIMENSIONS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_tasks_bring_their_prompts(model: SentenceTransformer) -> None:
    encoder = SentenceEncoder(model)
    assert encoder.tells_tasks_apart
    plain, query, document = (
        encoder.encode(["a cat sleeps"], task) for task in (None, "query", "document")
    )
    assert not np.allclose(plain, query, atol=1e-2)
    assert not np.allclose(query, document, atol=1e-2)
    assert not SentenceEncoder(exact_model()).tells_tasks_apart


@pytest.mark.parametrize("dimensions", [1, 7, DIMENSIONS])
def test_truncated(model: SentenceTransformer, sentences: list[str], dimensions: int) -> None:
    expected = model.encode(sentences, truncate_dim=dimensions, show_progress_bar=False)
    found = SentenceEncoder(model, dimensions).encode(sentences)
    assert found.shape == (len(sentences), dimensions)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_each_distinct_sentence_once(model: SentenceTransformer, sentences: list[str]) -> None:
    with batches_of(model) as batches:
        SentenceEncoder(model).encode(sentences)
    assert sum(rows for rows, _ in batches) == len(set(sentences))


def test_batches_are_bounded_by_tokens(model: SentenceTransformer, sentences: list[str]) -> None:
    encoder = SentenceEncoder(model)
    encoder.most_tokens = 256
    with batches_of(model) as batches:
        found = encoder.encode(sentences)
    assert len(batches) > 3
    assert max(tokens for _, tokens in batches) <= 256
    lengths = [tokens / rows for rows, tokens in batches]
    assert lengths == sorted(lengths, reverse=True)  # what does not fit fails at once
    np.testing.assert_allclose(found, SentenceEncoder(model).encode(sentences), rtol=0, atol=1e-5)


def few(module: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
    """A GPU with memory for 100 tokens, or one longer sentence."""
    features = arguments[0]
    if features["token_embeddings"].shape[1] > 100 and len(features["cu_seq_lens_q"]) > 2:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def none(module: torch.nn.Module, arguments: tuple[Any, ...]) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")


def test_where_memory_runs_out_less_goes_through_together(
    model: SentenceTransformer, sentences: list[str]
) -> None:
    expected, told = SentenceEncoder(model).encode(sentences), []
    encoder, done = SentenceEncoder(model, tell=told.append), []
    encoder.most_tokens = 4096
    hook = model[1].register_forward_pre_hook(few)
    try:
        found = encoder.encode(sentences, progress=done.append)
        again = encoder.encode(sentences)
    finally:
        hook.remove()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    np.testing.assert_array_equal(found, again)
    assert done == sorted(set(done))  # nothing is encoded twice
    assert done[-1] == len(set(sentences))
    assert encoder.most_tokens <= 100
    (sentence,) = told
    assert sentence == (
        "The memory ran out while sentences were encoded; from there on "
        f"{encoder.most_tokens} tokens go through the model together at most."
    )


def test_one_sentence_that_does_not_fit_is_told(
    model: SentenceTransformer, sentences: list[str]
) -> None:
    hook = model[1].register_forward_pre_hook(none)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            SentenceEncoder(model, tell=pytest.fail).encode(sentences)
    finally:
        hook.remove()


def test_progress_grows_to_the_end(model: SentenceTransformer, sentences: list[str]) -> None:
    encoder, told = SentenceEncoder(model), []
    encoder.most_tokens = 128
    encoder.encode(sentences, progress=told.append)
    assert len(told) > 3
    assert told == sorted(set(told))
    assert told[0] > 0
    assert told[-1] == len(set(sentences))


def test_no_sentences(model: SentenceTransformer) -> None:
    told: list[int] = []
    assert SentenceEncoder(model).encode([], progress=told.append).shape == (0, DIMENSIONS)
    assert SentenceEncoder(model, 5).encode([]).shape == (0, 5)
    assert told == []


def test_one_sentence_longer_than_any_batch(model: SentenceTransformer) -> None:
    encoder = SentenceEncoder(model)
    encoder.most_tokens = 4
    text = "the old house " * 2000
    np.testing.assert_allclose(
        encoder.encode([text, "a cat"]), model.encode([text, "a cat"]), rtol=0, atol=1e-5
    )


def test_a_model_without_token_limit(sentences: list[str]) -> None:
    model = exact_model()
    found = SentenceEncoder(model).encode(sentences)
    np.testing.assert_array_equal(found, model.encode(sentences, show_progress_bar=False))


def test_dimensions_are_known_before_anything_is_encoded(tmp_path: Path) -> None:
    model = small_model(2, tmp_path, truncate_dim=6)
    assert SentenceEncoder(model).dimensions == 6
    assert SentenceEncoder(model, 12).dimensions == 12
    assert SentenceEncoder(model, 99).dimensions == DIMENSIONS
    assert model.truncate_dim == 6
