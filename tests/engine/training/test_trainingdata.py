"""What a training reads, and what it tells of rows that are no triplets."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stplay.engine.training.trainingdata import TrainingData, check_batch
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.runs import recipe

PAIR = {"anchor": "a", "positive": "b"}
TRIPLET = PAIR | {"negative": "c"}
SILENT = Stages(EventWriter(Path(os.devnull)))


def read(folder: Path, **splits: Sequence[dict[str, Any]]) -> tuple[recipe.Recipe, TrainingData]:
    folder = folder / "x"
    folder.mkdir(exist_ok=True)
    for split, rows in splits.items():
        (folder / f"{split}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    data = {split: str(folder / f"{split}.jsonl") for split in splits}
    chosen = recipe.build({"data": {"dev": None, "test": None} | data}, "test")
    return chosen, TrainingData(chosen, SILENT)


def test_what_pairs_lack_is_told_of_each_split(tmp_path: Path) -> None:
    _, data = read(tmp_path, train=[PAIR] * 9, dev=[PAIR], test=[PAIR])
    alone = "the rows have no negatives: each anchor's are the positives of the others."
    assert data.remarks == [
        *(f"Of x-{split}, {alone}" for split in ("train", "dev", "test")),
        "Of x-dev, no triplets can be made: its loss is told and no accuracy.",
        "Of x-test, no triplets can be made: it is left out.",
    ]
    assert data.negatives == {"train": 0, "dev": 0, "test": 0}
    assert data.rows == {"train": 9, "dev": 1, "test": 1}


def test_triplets_have_nothing_to_be_told(tmp_path: Path) -> None:
    _, data = read(tmp_path, train=[TRIPLET] * 9, dev=[TRIPLET | {"negative": ["c", "d"]}])
    assert data.remarks == []
    assert data.negatives == {"dev": 2}


def test_too_few_rows_are_told_with_those_that_were_left_out(tmp_path: Path) -> None:
    def told(train: Sequence[dict[str, Any]]) -> str:
        chosen, data = read(tmp_path, train=train)
        with pytest.raises(UserError) as raised:
            check_batch(chosen, data.read["train"])
        return raised.value.sentence

    fewer = "set training.per_device_train_batch_size to 7 or less."
    assert told([PAIR] * 7) == f"A batch of 8 is larger than the 7 pairs of x-train; {fewer}"
    assert told([PAIR] * 20 + [TRIPLET] * 7) == (
        f"A batch of 8 is larger than the 7 triplets of x-train; {fewer} Of x-train, rows "
        "with no negative are left out (20)."
    )
    assert told([TRIPLET] + [PAIR] * 9).startswith(
        "x-train has 1 row; training needs at least 2, as each one's negatives come from the "
        "others too. Of x-train, rows with no negative are left out (9)."
    )
