"""Triplets judged by stplay and by the library, to be compared."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator
from smallmodels import (
    Triplet,
)

from stplay.engine.evaluation.evaluationsplit import EvaluationSplit
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.engine.worker.stages import Stages
from stplay.evaluations.results import Scores
from stplay.jobs.eventlog import EventWriter
from stplay.similarities import SIMILARITIES


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
    encoder = SentenceEncoder(model, truncate_dim)
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
        similarity_fn_names=[*SIMILARITIES],
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
