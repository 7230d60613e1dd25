"""Every triplet is judged as the library's ``TripletEvaluator`` judges it, ties too."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from judges import assert_equal, library, ours
from librarysown import STAGES
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.modules import (
    Normalize,
    Pooling,
    StaticEmbedding,
)
from smallmodels import (
    DIMENSIONS,
    WORDS,
    Triplet,
    exact_model,
    random_triplets,
    sentence,
    small_model,
    transformer,
)

from stplay.engine.data.triplets import Split
from stplay.engine.evaluation.evaluators import evaluator_of
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.similarities import SIMILARITIES
from stplay.sources.datasources import columns_of


@pytest.mark.parametrize("seed", range(4))
def test_random_models(seed: int, tmp_path: Path) -> None:
    found = assert_equal(small_model(seed, tmp_path / "m"), random_triplets(seed), tmp_path)
    assert 0.2 < found.accuracies["cosine_accuracy"] < 0.8
    assert len({right.tobytes() for right in found.right.values()}) > 1  # they do not all agree


def test_a_sentence_that_is_positive_and_negative_is_a_tie(tmp_path: Path) -> None:
    source = random.Random(1)
    # Of equal length: the library encodes positives and negatives apart, and padding rounds.
    triplets = [
        (sentence(source, 6), both := sentence(source, 6), both if n % 3 else sentence(source, 6))
        for n in range(96)
    ]
    model = exact_model()
    found = assert_equal(model, triplets, tmp_path)
    for name in SIMILARITIES:
        ties = found.scores.margins(name) == 0
        assert ties.sum() >= 64
        assert not found.right[name][ties].any()


def test_different_sentences_of_the_same_embedding_are_a_tie(tmp_path: Path) -> None:
    source = random.Random(2)
    triplets: list[Triplet] = []
    for number in range(120):
        words = source.choices(WORDS, k=4)
        turned = " ".join(reversed(words))
        triplets.append((sentence(source, 4), " ".join(words), turned))
        if number % 2:
            anchor = sentence(source, 4)
            triplets.append((anchor, " ".join(reversed(anchor.split())), sentence(source, 4)))
    found = assert_equal(exact_model(3), triplets, tmp_path)
    ties = found.scores.margins("euclidean") == 0
    assert ties.sum() >= 120
    assert not found.right["euclidean"][ties].any()
    assert found.right["euclidean"].any()


def test_a_tie_is_wrong_whatever_the_batches(tmp_path: Path) -> None:
    source = random.Random(3)
    triplets = [(sentence(source), both := sentence(source), both) for _ in range(200)]
    found = ours(small_model(5, tmp_path / "m"), triplets, tmp_path / "ours")
    for name in SIMILARITIES:
        assert not found.right[name].any()


def test_embeddings_without_a_length_are_judged_alike(tmp_path: Path) -> None:
    model = exact_model(1)
    static = model[0]
    assert isinstance(static, StaticEmbedding)
    with torch.no_grad():
        static.embedding.weight[1:20] = 0
    triplets = random_triplets(7)
    found = assert_equal(model, triplets, tmp_path)
    assert (found.scores.positive("cosine") == 0).any()


PROMPTS = [
    {"query": "two red ", "document": "the old house "},
    {"query": "two red "},
    {"document": "two red "},
    {"query": "two red ", "document": "two red "},
    {"passage": "two red "},
    {"query": "", "document": "", "other": "two red "},
]


@pytest.mark.parametrize("include_prompt", [True, False])
@pytest.mark.parametrize("prompts", PROMPTS, ids=lambda prompts: "+".join(prompts))
def test_prompts(prompts: dict[str, str], include_prompt: bool, tmp_path: Path) -> None:
    default = "other" if "other" in prompts else None
    settings = {"prompts": prompts, "default_prompt_name": default}
    model = small_model(6, tmp_path / "m", **settings)
    # Only what was loaded has all prompts in place.
    model.save_pretrained(str(tmp_path / "saved"), create_model_card=False)
    model = SentenceTransformer(str(tmp_path / "saved"), device="cpu")
    model.set_pooling_include_prompt(include_prompt)
    triplets = random_triplets(6)
    with_prompts = assert_equal(model, triplets, tmp_path)
    if prompts.get("query") or prompts.get("document"):
        model.prompts.update(query="", document="")
        without = ours(model, triplets, tmp_path / "without")
        ours_, bare = (each.scores.margins("cosine") for each in (with_prompts, without))
        assert not np.allclose(ours_, bare)


def test_a_prompt_tells_a_query_from_the_same_words_as_a_document(tmp_path: Path) -> None:
    model = small_model(6, tmp_path / "m", prompts=PROMPTS[0])
    triplets = [(anchor, anchor, other) for anchor, _, other in random_triplets(8)]
    found = assert_equal(model, triplets, tmp_path)
    assert (found.scores.positive("cosine") < 0.9999).all()


@pytest.mark.parametrize("prompts", [{}, PROMPTS[0]], ids=["plain", "prompted"])
@pytest.mark.parametrize("negatives", [1, 3])
def test_a_training_judges_a_triplet_for_each_negative_of_a_row(
    negatives: int, prompts: dict[str, str], tmp_path: Path
) -> None:
    model = small_model(13, tmp_path / "m", prompts=prompts)
    columns = [[*column] for column in zip(*random_triplets(13), strict=True)]
    columns += [columns[2][place:] + columns[2][:place] for place in range(1, negatives)]
    named = dict(zip(columns_of(negatives), columns, strict=True))
    split = Split("dev", Dataset.from_dict(named), 0, False)
    rows = zip(*columns, strict=True)
    triplets = [(row[0], row[1], negative) for row in rows for negative in row[2:]]
    _, accuracies = library(model, triplets)
    for encoder in (None, SentenceEncoder(model)):
        evaluator = evaluator_of(split, 16, STAGES, encoder)
        found = evaluator(model)
        assert found == pytest.approx(
            {f"dev_{name}": value for name, value in accuracies.items()}, abs=1e-6
        )
        assert evaluator.rows == 150
        if evaluator.embeddings is not None:
            trained = evaluator.embeddings.for_training()
            model.prompts.update(dict.fromkeys(prompts, ""))
            for column, embedded in zip(columns, trained, strict=True):
                np.testing.assert_allclose(embedded, model.encode(column), atol=1e-5)


@pytest.mark.parametrize(
    ("asked", "own", "dimensions"),
    [(8, None, 8), (None, 8, 8), (5, 16, 5), (16, 5, 16), (100, None, DIMENSIONS), (1, None, 1)],
)
def test_truncated_embeddings(
    asked: int | None, own: int | None, dimensions: int, tmp_path: Path
) -> None:
    model = small_model(9, tmp_path / "m", truncate_dim=own)
    assert SentenceEncoder(model, asked).dimensions == dimensions
    assert_equal(model, random_triplets(9), tmp_path, asked)


def test_a_normalizing_model(tmp_path: Path) -> None:
    modules = [transformer(10, tmp_path / "m"), Pooling(DIMENSIONS), Normalize()]
    model = SentenceTransformer(modules=modules, device="cpu").eval()
    assert_equal(model, random_triplets(10), tmp_path)


def test_a_model_that_routes_queries_and_documents(tmp_path: Path) -> None:
    router = Router.for_query_document(
        query_modules=[transformer(11, tmp_path / "q"), Pooling(DIMENSIONS)],
        document_modules=[transformer(12, tmp_path / "d"), Pooling(DIMENSIONS)],
    )
    model = SentenceTransformer(modules=[router], device="cpu").eval()
    triplets = [(anchor, anchor, other) for anchor, _, other in random_triplets(11)]
    found = assert_equal(model, triplets, tmp_path)
    assert (found.scores.positive("cosine") < 0.9999).all()
