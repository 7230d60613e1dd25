"""A finished evaluation on disk, as an evaluation process would have left it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import msgspec
import numpy as np
import pyarrow
from pyarrow import parquet

from stplay import home
from stplay.evaluations.evaluation import Evaluation, Request
from stplay.evaluations.results import (
    SCORE_COLUMNS,
    EvaluatedModel,
    EvaluatedSplit,
    Result,
    Summary,
)
from stplay.evaluations.significance import accuracy
from stplay.similarities import SIMILARITIES

ANIMALS = ("cat", "dog", "horse", "bird", "cow", "fox", "hen")


def triplet(row: int) -> tuple[str, str, str]:
    """The sentences of a row."""
    animal = ANIMALS[row % len(ANIMALS)]
    extra = " on a sunny day by the river" * (row % 3)
    return (
        f"The {animal} number {row} sleeps{extra}.",
        f"Animal {row} rests, a {animal}.",
        f"The {animal} number {row} runs about.",
    )


def finished_evaluation(
    name: str,
    models: Sequence[str] = ("run:all-nli-7", "builtin:minilm"),
    data: str = "builtin:sample",
    rows: int = 1000,
    splits: Sequence[str] = ("dev", "test"),
    sources: Sequence[str] = ("",),
    errors: Sequence[str] = (),
) -> Evaluation:
    """An evaluation of ``models``, each one better than the one before it."""
    folder = home.evaluations_folder() / name
    folder.mkdir(parents=True)
    evaluation = Evaluation(folder)
    evaluation.request_path.write_bytes(
        msgspec.json.encode(Request(models=list(models), data=data, splits=list(splits)))
    )
    evaluation.events_path.touch()
    summary = Summary(
        models=[EvaluatedModel(model, dimensions=384, seconds=1.0) for model in models],
        splits=[],
        results=[],
        device="CPU, 2 threads",
        precision="float32",
        versions={},
        created=1.7e9,
        seconds=3.2,
    )
    for place, split in enumerate(splits):
        triplets = [triplet(row) for row in range(1, rows + 1)]
        label = ("sample" if data == "builtin:sample" else data) + f"-{split}"
        summary.splits.append(
            EvaluatedSplit(
                data=data,
                split=split,
                label=label,
                rows=rows,
                skipped=0,
                duplicates=0,
                fingerprint=sha256(f"{label}{rows}".encode()).hexdigest(),
                synthetic=data == "builtin:sample",
            )
        )
        names = ("anchor", "positive", "negative")
        columns: dict[str, list[str] | list[int]] = {
            name: [each[place] for each in triplets] for place, name in enumerate(names)
        }
        columns["row"] = list(range(1, rows + 1))
        columns["source"] = [sources[row % len(sources)] for row in range(rows)]
        parquet.write_table(pyarrow.table(columns), evaluation.triplets_path(place))
        # One draw for all models: their errors have to overlap, as those of real models do.
        noise = np.random.RandomState(place).normal(size=(len(models) + 1, rows))
        for number, model in enumerate(models):
            margins = 0.1 + 0.05 * number + 0.1 * (noise[0] + 0.4 * noise[number + 1])
            scores = {
                column: (0.5 + margins / 2 if column.endswith("positive") else 0.5 - margins / 2)
                .round(4)
                .astype(np.float32)
                for column in SCORE_COLUMNS
            }
            parquet.write_table(pyarrow.table(scores), evaluation.scores_path(number, place))
            right = int((scores["cosine_positive"] > scores["cosine_negative"]).sum())
            found = accuracy(right, rows)
            metrics = [*(f"{each}_accuracy" for each in SIMILARITIES), "max_accuracy"]
            summary.results.append(Result(model, split, dict.fromkeys(metrics, found)))
    summary.models += [
        EvaluatedModel(f"run:bad@{number}", error=sentence)
        for number, sentence in enumerate(errors)
    ]
    evaluation.summary_path.write_bytes(msgspec.json.encode(summary))
    assert Evaluation.find(name).id == name
    return evaluation
