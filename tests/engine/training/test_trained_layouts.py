"""What can be trained is trained to what the library's own trainer makes of it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import write_triplets
from datasets import Dataset
from layouts import WIDTH, encoder, static
from librarysown import STAGES, Case, library
from modulekinds import MODULES, VOCABULARY, bag, of_words, routed, routed_later
from savedlayouts import LAYOUTS
from sentence_transformers import SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.base.modules import Dense, Router
from sentence_transformers.sentence_transformer import losses
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from tokenizersettings import PADDED_LEFT, SETTINGS
from transformers import set_seed

from stplay.engine.data.triplets import load_split
from stplay.engine.models.basemodel import load_model
from stplay.engine.models.inputmodules import input_modules
from stplay.engine.train import train
from stplay.engine.training.trainingdata import TrainingData
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.stopsignal import StopSignal
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.runs import recipe
from stplay.runs.run import Run

STEPS, BATCH, RATE = 4, 8, 1e-3
CASES = {
    "root": (Case(encoder), "fast"),
    "in a folder": (LAYOUTS["in a folder"], "fast"),
    "no padding token": (SETTINGS["pad_token"][0], "fast"),
    "prompts": (LAYOUTS["prompts"], "fast"),
    "padded left": (PADDED_LEFT, "stock"),
    "static": (Case(static), "stock"),
    "router": (Case(routed()), "stock"),
    "routed later": (Case(routed_later), "stock"),
    "routes of other names": (MODULES["Router"][3], "stock"),
    "words": (Case(of_words(Pooling(WIDTH), update_embeddings=True)), "stock"),
    "bag of words": (Case(bag(Dense(len(VOCABULARY), 6))), "stock"),
}


@pytest.fixture
def signals() -> Iterator[None]:
    """A training takes the signals over."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def ours(folder: Path, data: Path) -> Run:
    """The run of a few steps from the model in ``folder``."""
    values: dict[str, Any] = {
        "model": {"base": str(folder)},
        "data": {"train": str(data), "dev": str(data)},
        "training": {
            "max_steps": STEPS,
            "per_device_train_batch_size": BATCH,
            "learning_rate": RATE,
            "logging_steps": 1,
            "warmup_ratio": 0.1,
            "batch_sampler": "no_duplicates",
            "use_cpu": True,
        },
        "evaluation": {"eval_strategy": "no", "test_at_end": False},
    }
    run = Run.create(recipe.build(values, "the test"), None, "small")
    events = EventWriter(run.events_path)
    train(run, events, StopSignal(), TrainingData(run.recipe(), Stages(events)))
    return run


def library_trains(case: Case, folder: Path, rows: Dataset) -> tuple[Any, list[float]]:
    """The library's own model after as many steps, and the loss of each."""
    set_seed(recipe.TrainingSection().seed)
    model = library(folder)
    if case.mend is not None:
        case.mend(model)
    arguments: dict[str, Any] = {}
    if any(isinstance(module, Router) for module in model):
        tasks = ["sts"] * 3 if case.fails else ["query", "document", "document"]
        arguments["router_mapping"] = dict(zip(rows.column_names, tasks, strict=True))
    cached = not any(isinstance(module, StaticEmbedding) for module in input_modules(model))
    loss = (
        losses.CachedMultipleNegativesRankingLoss if cached else losses.MultipleNegativesRankingLoss
    )
    trainer = SentenceTransformerTrainer(
        model,
        SentenceTransformerTrainingArguments(
            str(folder / "library"),
            max_steps=STEPS,
            per_device_train_batch_size=BATCH,
            learning_rate=RATE,
            warmup_steps=0.1,
            batch_sampler="no_duplicates",
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            **arguments,
        ),
        train_dataset=rows,
        loss=loss(model),
    )
    trainer.train()
    return model, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]


@pytest.mark.usefixtures("home", "signals")
@pytest.mark.parametrize("name", CASES)
def test_a_few_steps(name: str, tmp_path: Path) -> None:
    case, engine = CASES[name]
    case.make(tmp_path / "model")
    data = write_triplets(tmp_path / "train.jsonl", 4 * BATCH)
    run = ours(tmp_path / "model", data)
    log = run.read_log()
    assert log.started is not None
    assert log.started.engine is not None
    assert log.started.engine.name == engine
    expected, losses = library_trains(
        case,
        tmp_path / "model",
        Dataset.from_json(str(data)),  # pyright: ignore
    )
    assert [row.training_loss for row in log.table()] == pytest.approx(losses, abs=1e-4)
    sentences = ["a cat sleeps", "the dog runs"]
    found = library(run.folder / "model")
    if case.mend is not None:
        case.mend(found)
    np.testing.assert_allclose(
        found.encode(sentences), expected.encode(sentences), rtol=0, atol=2e-3
    )


@pytest.mark.usefixtures("home", "signals")
@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"dropout": 0.1}, "has no dropout to set"),
        ({"max_seq_length": 9}, "has no limit of tokens"),
    ],
)
def test_what_a_static_embedding_has_not_is_said(
    settings: dict[str, Any], told: str, tmp_path: Path
) -> None:

    static(tmp_path / "model")
    split = load_split("builtin:sample", "train", 8, STAGES)
    with pytest.raises(UserError, match=told):
        load_model(
            recipe.ModelSection(base=str(tmp_path / "model"), **settings), split, None, STAGES
        )
