"""The fast engine computes what the library's own path computes, on the same triplets."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import SUPPORT
from conftest import write_triplets
from numpy.typing import NDArray
from safetensors.numpy import load_file
from smallmodels import small_model

from stplay.jobs.events import Engine
from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.similarities import SIMILARITIES

STEPS = 50
COMMON: dict[str, dict[str, Any]] = {
    "model": {"dropout": 0.0},
    "data": {"train_rows": 800, "dev_rows": 40, "test_rows": 40},
    "training": {
        "max_steps": STEPS,
        "per_device_train_batch_size": 16,
        "learning_rate": 2e-4,
        "warmup_ratio": 0.1,
        "logging_steps": 1,
        "save_steps": STEPS,
        "max_grad_norm": 1.0,
    },
    "evaluation": {"eval_steps": 10, "eval_on_start": True, "per_device_eval_batch_size": 16},
}
# What differs from the common recipe.
CASES: dict[str, dict[str, dict[str, Any]]] = {
    "batch 16": {"training": {"save_steps": 25}},
    "the whole vocabulary": {"training": {"weight_decay": 0.01}},
    "clipped hard": {"training": {"max_grad_norm": 0.05}},
    "gradient accumulation": {"training": {"gradient_accumulation_steps": 3}},
    "mini-batches": {"loss": {"mini_batch_size": 4}},
    "batch 256 in mini-batches": {
        "training": {"per_device_train_batch_size": 256},
        "loss": {"mini_batch_size": 32},
    },
    "dot product, sampled plainly": {
        "loss": {"similarity_fct": "dot_score", "scale": 1.0},
        "training": {"batch_sampler": "batch_sampler"},
    },
    "pairs": {},
    "five negatives": {},
    "five negatives in mini-batches": {"loss": {"mini_batch_size": 4}},
}
RESUMED = "batch 16"
# How many negatives the rows of train, dev and test have, where that is not one.
SHAPES = {
    "pairs": (0, 5, 1),
    "five negatives": (5, 0, 5),
    "five negatives in mini-batches": (5, 2, 0),
}

# A bias of all keys adds the same to all scores: its gradient is nothing but rounding, and AdamW
# makes steps of full length out of that.
ROUNDING_ALONE = "attention.self.key.bias"


def merged(*parts: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for part in parts:
        for section, values in part.items():
            result[section] = result.get(section, {}) | values
    return result


def with_negatives(triplets: Path, negatives: int) -> Iterator[str]:
    """The rows of a file with so many negatives, of which some come again in other rows."""
    rows = [json.loads(line) for line in triplets.read_text().splitlines()]
    for place, row in enumerate(rows):
        own = [rows[(place + 3 * step) % len(rows)].get("negative") for step in range(negatives)]
        yield json.dumps({"anchor": row["anchor"], "positive": row["positive"], "negatives": own})


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Run]:
    """All runs, trained in one process: the run of a case and an engine."""
    folder = tmp_path_factory.mktemp("engines")
    base = folder / "base"
    small_model(3, folder / "transformer").save_pretrained(str(base))
    for split, rows, start in (("train", 800, 0), ("dev", 40, 900), ("test", 40, 950)):
        triplets = write_triplets(folder / f"{split}.jsonl", rows, start)
        for negatives in {*chain(*SHAPES.values())} - {1}:
            (folder / f"{negatives}").mkdir(exist_ok=True)
            lines = with_negatives(triplets, negatives)
            (folder / f"{negatives}" / triplets.name).write_text("\n".join(lines))
    made: dict[tuple[str, str], Run] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(folder / "home"))
        for number, (case, changes) in enumerate([*CASES.items(), ("resumed", CASES[RESUMED])]):
            for engine in ("stock", "fast") if case != "resumed" else ("fast",):
                shapes = zip(("train", "dev", "test"), SHAPES.get(case, (1, 1, 1)), strict=True)
                data = {split: str(folder / str(n) if n != 1 else folder) for split, n in shapes}
                given = {"model": {"base": str(base)}, "data": data, "training": {"engine": engine}}
                chosen = recipe.build(merged(COMMON, given, changes), case)
                made[case, engine] = Run.create(chosen, f"{engine}-{number}", case)
        resumed = made["resumed", "fast"].folder
        folders = [str(run.folder) for run in made.values() if run.folder != resumed]
        done = subprocess.run(
            [
                sys.executable,
                str(SUPPORT / "train_many.py"),
                *folders,
                *("--stop-at", "25", str(resumed)),
            ],
            env=os.environ,
            capture_output=True,
            text=True,
            timeout=280,
        )
    assert done.returncode == 0, done.stderr[-4000:]
    return lambda case, engine: made[case, engine]


def log_of(run: Run) -> TrainingLog:
    return run._fold()[0]  # nobody is at work on it, and no process has said so


def weights(run: Run) -> dict[str, NDArray[np.float32]]:
    return load_file(run.folder / "model" / "model.safetensors")


def check_equal(ours: Run, library: Run) -> None:
    found, expected = log_of(ours).table(), log_of(library).table()
    assert [row.step for row in found] == [row.step for row in expected]
    losses = [row.training_loss for row in expected if row.training_loss is not None]
    assert len(losses) == STEPS
    assert [row.training_loss for row in found[1:]] == pytest.approx(losses, rel=1e-5)
    evaluated = [row.loss for row in expected if row.loss is not None]
    assert len(evaluated) == 6
    assert [row.loss for row in found if row.loss is not None] == pytest.approx(evaluated, rel=1e-5)
    assert log_of(ours).evaluations.keys() == log_of(library).evaluations.keys()
    for key, evaluation in log_of(library).evaluations.items():
        for name in SIMILARITIES:
            accuracy = getattr(evaluation, f"{name}_accuracy")
            assert getattr(log_of(ours).evaluations[key], f"{name}_accuracy") == accuracy
    right = weights(library)
    for name, weight in weights(ours).items():
        if ROUNDING_ALONE not in name:
            np.testing.assert_allclose(weight, right[name], rtol=0, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("case", CASES)
def test_losses_accuracies_and_weights_equal_the_librarys(
    trained: Callable[[str, str], Run], case: str
) -> None:
    check_equal(trained(case, "fast"), trained(case, "stock"))


def test_equal_through_a_save_and_a_resume(trained: Callable[[str, str], Run]) -> None:
    resumed = trained("resumed", "fast")
    assert log_of(resumed).started is not None
    check_equal(resumed, trained(RESUMED, "stock"))


@pytest.mark.parametrize("case", CASES)
def test_the_engines_are_what_the_recipe_says(
    trained: Callable[[str, str], Run], case: str
) -> None:
    started = log_of(trained(case, "stock")).started
    assert started is not None
    assert started.engine == Engine(name="stock")
    started = log_of(trained(case, "fast")).started
    assert started is not None
    engine = started.engine
    assert engine is not None
    assert engine.name == "fast"
    assert engine.most_tokens is not None
    assert engine.batch_tokens is not None
    assert (engine.most_tokens < engine.batch_tokens) == ("mini-batches" in case)
    assert (engine.vocabulary_rows is None) == (case == "the whole vocabulary")


def test_rows_that_no_sentence_uses_stay_as_they_are(trained: Callable[[str, str], Run]) -> None:
    run = trained(RESUMED, "fast")
    started = log_of(run).started
    assert started is not None
    assert started.engine is not None
    rows = started.engine.vocabulary_rows
    assert rows is not None
    base = load_file(Path(run.recipe().model.base) / "model.safetensors")
    table = "embeddings.word_embeddings.weight"
    same = (base[table] == weights(run)[table]).all(axis=1)
    assert 0 < len(same) - same.sum() <= rows < len(same)
    checkpoint = load_file(run.folder / "checkpoints" / "checkpoint-25" / "model.safetensors")
    assert checkpoint[table].shape == base[table].shape


@pytest.mark.parametrize("case", SHAPES)
def test_the_shapes_of_rows_are_told(trained: Callable[[str, str], Run], case: str) -> None:
    train, dev, test = SHAPES[case]
    for engine in ("stock", "fast"):
        log = log_of(trained(case, engine))
        assert log.started is not None
        told = zip(("train", "dev", "test"), (train, dev, test), strict=True)
        assert log.started.negatives == {split: own for split, own in told if own != 1}
        found = log.evaluations["dev", STEPS]
        assert (found.max_accuracy is None) == (found.cosine_accuracy is None) == (dev == 0)
        assert found.rows == 40
        assert (("test", STEPS) in log.evaluations) == (test > 0)
        texts = " ".join(note.text for note in log.notes)
        assert ("made: its loss is told and no accuracy." in texts) == (dev == 0)
        assert ("no triplets can be made: it is left out." in texts) == (test == 0)
        assert ("-train, the rows have no negatives" in texts) == (train == 0)
