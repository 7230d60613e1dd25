"""Anybody's training laid behind a run: its figures under the names that runs have."""

from __future__ import annotations

from pathlib import Path

import pytest
from checkout import SHARED
from samplerun import finished_run

from stplay.errors import UserError
from stplay.foreign.placereference import place_reference, series_name

CARD = """---
tags:
- sentence-transformers
---
| Epoch | Step | Training Loss | loss | dot_accuracy | test_max_accuracy | b_dot_accuracy | x |
|:-----:|:----:|:---:|:---:|:---:|:---:|:---:|:---:|
| 0 | 0 | - | - | 0.5 | - | - | 0.1 |
| 0.5 | 100 | 2.0 | 1.5 | 0.7 | - | 0.2 | 0.2 |
| 1.0 | 200 | 1.0 | 1.25 | 0.9 | 0.95 | 0.3 | 0.3 |
"""


def test_a_card_lies_behind_by_the_names_of_a_run(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(CARD)
    laid = place_reference(str(tmp_path))
    reference = laid.reference
    assert reference.steps == 200
    found = {
        name: [point.value for point in reference.series[name]] for name in reference.series.names()
    }
    assert found["dev/dot_accuracy"] == [0.5, 0.7, 0.9]
    assert found["test/max_accuracy"] == [0.95]
    assert (found["train/loss"], found["dev/loss"]) == ([2.0, 1.0], [1.5, 1.25])
    difference = reference.difference("dev/dot_accuracy", 0.9, 0.75)
    assert difference is not None
    assert difference.value == pytest.approx(0.1)
    assert not difference.exact
    assert "x, b_dot_accuracy" in laid.left_out
    path.write_text(
        "---\ntags: [sentence-transformers]\n---\n| Epoch | Step | x |\n|--|--|--|\n| 1 | 1 | 2 |\n"
    )
    with pytest.raises(UserError, match="has no training log of a loss"):
        place_reference(str(path))
    assert place_reference(finished_run("mine").id).reference.name == "mine"


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Training Loss", "train/loss"),
        ("loss", "train/loss"),
        ("eval_loss", "dev/loss"),
        ("Validation Loss", "dev/loss"),
        ("all-nli-dev_max_accuracy", "dev/max_accuracy"),
        ("eval_all-nli-test_Cosine_Accuracy", "test/cosine_accuracy"),
        ("cosine_accuracy", "dev/cosine_accuracy"),
        ("grad_norm", "train/gradient_norm"),
        ("ndcg@10", None),
    ],
)
def test_names(theirs: str, ours: str | None) -> None:
    assert series_name(theirs) == ours


@pytest.mark.skipif(not (SHARED / "seed").is_dir(), reason="the shared data is not there")
def test_the_seed_card() -> None:
    reference = place_reference(str(SHARED / "seed" / "model-card.txt")).reference
    assert reference.steps == 6250
    assert {"train/loss", "dev/loss", "dev/max_accuracy"} <= set(reference.series.names())
