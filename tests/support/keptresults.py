"""Files of an evaluation, made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

from stplay.evaluations.results import (
    METRICS,
    SCORE_COLUMNS,
    TRIPLET_COLUMNS,
    Accuracy,
    EvaluatedModel,
    EvaluatedSplit,
    Result,
    Scores,
    Summary,
    Triplets,
)


def kept_triplets(path: Path, sentences: Sequence[Sequence[str]], source: str = "") -> Triplets:
    """Triplets as an evaluation keeps them: anchor, positive, negative and perhaps a source."""
    rows = [
        (number, *triplet[:3], triplet[3] if len(triplet) > 3 else source)
        for number, triplet in enumerate(sentences, 1)
    ]
    columns = [list(column) for column in zip(*rows, strict=True)]
    parquet.write_table(pyarrow.table(dict(zip(TRIPLET_COLUMNS, columns, strict=True))), path)
    return Triplets(path)


def kept_scores(
    path: Path, positive: Sequence[float], negative: Sequence[float], **others: Sequence[float]
) -> Scores:
    """Scores as an evaluation keeps them, alike for all similarities but the ``others``."""
    columns = {
        name: np.array(
            others.get(name, positive if name.endswith("positive") else negative), np.float32
        )
        for name in SCORE_COLUMNS
    }
    parquet.write_table(pyarrow.table(columns), path)
    return Scores(path)


def summary_of(
    models: Sequence[str], fingerprint: str = "f", rows: int = 4, split: str = "dev"
) -> Summary:
    """The summary of an evaluation of ``models``, all of them right on three of ``rows``."""
    accuracies = {metric: Accuracy(3, 3 / rows, 0.3, 0.95) for metric in METRICS}
    return Summary(
        models=[EvaluatedModel(name, dimensions=384) for name in models],
        splits=[EvaluatedSplit("data", split, f"data-{split}", rows, 0, 0, fingerprint)],
        results=[Result(name, split, accuracies) for name in models],
        device="CPU, 1 threads",
        precision="float32",
        versions={},
        created=1_700_000_000.0,
        seconds=2.0,
    )
