"""Every triplet is judged as the library's ``TripletEvaluator`` judges it, ties too."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator
from sentence_transformers.sentence_transformer.modules import (
    Normalize,
    Pooling,
    StaticEmbedding,
    Transformer,
)
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import XLMRobertaConfig, XLMRobertaModel

from stplay.engine.encoding import Encoder
from stplay.engine.evaluationsplit import EvaluationSplit
from stplay.engine.stages import Stages
from stplay.engine.vocabulary import train_tokenizer
from stplay.evaluations.results import SIMILARITIES, Scores
from stplay.jobs.events import EventWriter

TEXT = """
a the man woman cat dog child two three red green old young runs sleeps eats jumps sits stands
near under over inside outside park street house river bench ball hat car boat horse
"""
WORDS = TEXT.split()
DIMENSIONS = 24

Triplet = tuple[str, str, str]


def sentence(source: random.Random, words: int | None = None) -> str:
    return " ".join(source.choices(WORDS, k=words or source.randint(1, 14)))


def random_triplets(seed: int, rows: int = 150) -> list[Triplet]:
    """Triplets of random words; sentences come back in other triplets and in other places."""
    source = random.Random(seed)
    pool = [sentence(source) for _ in range(rows)]
    return [(source.choice(pool), source.choice(pool), sentence(source)) for _ in range(rows)]


def transformer(seed: int, folder: Path) -> Transformer:
    tokenizer = train_tokenizer(WORDS * 3, vocab_size=300, max_length=64)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=DIMENSIONS,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=66,
        type_vocab_size=1,
        initializer_range=0.5,  # far apart, so that rounding decides nothing
    )
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        XLMRobertaModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return Transformer(str(folder))


def small_model(seed: int, folder: Path, **settings: Any) -> SentenceTransformer:
    """A random one-layer encoder of 24 dimensions."""
    modules = [transformer(seed, folder), Pooling(DIMENSIONS)]
    return SentenceTransformer(modules=modules, device="cpu", **settings).eval()


def exact_model(seed: int = 0) -> SentenceTransformer:
    """Sums of small whole numbers: no rounding, and the order of words does not count."""
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(["?", *WORDS])}, "?"))
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    weights = np.random.default_rng(seed).integers(-3, 4, (len(WORDS) + 1, 8)) * 1.0
    static = StaticEmbedding(tokenizer, embedding_weights=weights.astype(np.float32))
    return SentenceTransformer(modules=[static], device="cpu").eval()


class Judged(NamedTuple):
    right: dict[str, NDArray[np.bool_]]
    accuracies: dict[str, float]
    scores: Scores


def ours(
    model: SentenceTransformer,
    triplets: Sequence[Triplet],
    folder: Path,
    truncate_dim: int | None = None,
) -> Judged:
    """What our evaluation finds."""
    folder.mkdir()
    data = folder / "rows.jsonl"
    names = ("anchor", "positive", "negative")
    lines = [json.dumps(dict(zip(names, triplet, strict=True))) for triplet in triplets]
    data.write_text("\n".join(lines), encoding="utf-8")
    stages = Stages(EventWriter(Path(os.devnull)))
    split = EvaluationSplit(str(data), "rows", None, folder / "t.parquet", folder, stages)
    encoder = Encoder(model, truncate_dim)
    right, dimensions = split.judge(encoder, folder / "s.parquet", lambda done: None)
    scores = Scores(folder / "s.parquet")
    assert dimensions == encoder.dimensions
    judged = {name: scores.right(name) for name in SIMILARITIES}
    assert right == {name: int(each.sum()) for name, each in judged.items()}
    rows = split.facts.rows
    assert rows == len(triplets)
    accuracies = {f"{name}_accuracy": count / rows for name, count in right.items()}
    return Judged(judged, accuracies | {"max_accuracy": max(accuracies.values())}, scores)


class LibraryJudge(TripletEvaluator):
    """The library's evaluator, asked for each triplet."""

    def right(self, model: SentenceTransformer) -> dict[str, NDArray[np.bool_]]:
        anchors = self.embed_inputs(model, self.anchors, encode_fn_name="query")
        positives = self.embed_inputs(model, self.positives, encode_fn_name="document")
        negatives = self.embed_inputs(model, self.negatives, encode_fn_name="document")
        found = {}
        for name, function in self._get_similarity_functions().items():
            positive, negative = function(anchors, positives, negatives)
            found[name] = (positive > negative + self.margin[name]).numpy()
        return found


def library(
    model: SentenceTransformer, triplets: Sequence[Triplet], truncate_dim: int | None = None
) -> tuple[dict[str, NDArray[np.bool_]], dict[str, float]]:
    """What the library finds."""
    anchors, positives, negatives = (list(column) for column in zip(*triplets, strict=True))
    judge = LibraryJudge(
        anchors,
        positives,
        negatives,
        truncate_dim=truncate_dim,
        similarity_fn_names=["cosine", "dot", "manhattan", "euclidean"],
    )
    return judge.right(model), judge(model)


def assert_equal(
    model: SentenceTransformer,
    triplets: Sequence[Triplet],
    folder: Path,
    truncate_dim: int | None = None,
) -> Judged:
    """Ours and the library's judge each triplet alike, under all four similarities."""
    found = ours(model, triplets, folder / "ours", truncate_dim)
    right, accuracies = library(model, triplets, truncate_dim)
    for name in SIMILARITIES:
        different = np.flatnonzero(found.right[name] != right[name])
        assert different.tolist() == [], (name, found.scores.margins(name)[different])
    assert found.accuracies == pytest.approx(accuracies, abs=1e-6)
    return found


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


@pytest.mark.parametrize(
    ("asked", "own", "dimensions"),
    [(8, None, 8), (None, 8, 8), (5, 16, 5), (16, 5, 16), (100, None, DIMENSIONS), (1, None, 1)],
)
def test_truncated_embeddings(
    asked: int | None, own: int | None, dimensions: int, tmp_path: Path
) -> None:
    model = small_model(9, tmp_path / "m", truncate_dim=own)
    assert Encoder(model, asked).dimensions == dimensions
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
