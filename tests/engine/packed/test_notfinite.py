"""Embeddings that are not finite: refused by one check, wherever they leave the engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import run_stplay
from mistakes import assert_mistake
from runner import events_of, small_recipe
from sentence_transformers import SentenceTransformer
from smallmodels import exact_model, small_model

from stplay.engine.evaluation.columnembeddings import ColumnEmbeddings
from stplay.engine.evaluation.tripletevaluator import TripletEvaluator
from stplay.engine.packed.sentenceencoder import NotFiniteError, SentenceEncoder
from stplay.engine.worker.stages import Stages
from stplay.jobs import events
from stplay.jobs.events import Event, Noted
from stplay.runs.run import Run

SENTENCES = ["a red cat", "the old man sits", "a red cat"]
TOLD = (
    "The model mine gives numbers that are not finite (NaN), such as for 'the old man sits'; its "
    "weights are not all finite, as of a training that diverged: take an earlier checkpoint of it, "
    "or another model."
)


class Kept:
    """Events that are kept instead of written."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, event: Event) -> None:
        self.events.append(event)

    @property
    def notes(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Noted)]


def spoilt(model: SentenceTransformer, word: str) -> SentenceTransformer:
    """``model`` with a row of its word embeddings that is not a number."""
    embedding = next(
        m for m in model.modules() if isinstance(m, (torch.nn.Embedding, torch.nn.EmbeddingBag))
    )
    ids = model.preprocess([word])["input_ids"].flatten()
    with torch.no_grad():
        embedding.weight[ids[len(ids) // 2]] = float("nan")
    return model


@pytest.mark.parametrize("way", ["packed", "library", "static"])
def test_every_way_to_encode_is_checked(way: str, tmp_path: Path) -> None:
    model = spoilt(exact_model() if way == "static" else small_model(1, tmp_path), "sits")
    encoder = SentenceEncoder(model, name="mine")
    if way == "library":
        encoder.packed = None
    with pytest.raises(NotFiniteError) as raised:
        encoder.encode(SENTENCES)
    assert raised.value.sentence == TOLD
    finite = np.isfinite(raised.value.embeddings).all(axis=1)
    assert finite.tolist() == [True, False, True]
    assert np.isfinite(encoder.encode(SENTENCES[:1])).all()


def test_what_float16_cannot_hold_is_no_divergence(tmp_path: Path) -> None:
    model = small_model(1, tmp_path).half()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "LayerNorm.weight" in name:
                weight.fill_(60000)
    with pytest.raises(NotFiniteError, match="too large for float16"):
        SentenceEncoder(model, name="mine").encode(SENTENCES)


def test_what_a_model_with_finite_weights_cannot_read_is_no_divergence(tmp_path: Path) -> None:
    model = small_model(1, tmp_path)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("embeddings.LayerNorm.weight"):
                weight.fill_(3e38)
    with pytest.raises(NotFiniteError, match="its weights are finite: leave that sentence out"):
        SentenceEncoder(model, name="mine").encode(SENTENCES)


@pytest.mark.parametrize("engine", ["fast", "stock"])
def test_a_training_goes_on_and_tells_it(engine: str, tmp_path: Path) -> None:
    model, kept = spoilt(small_model(1, tmp_path), "sits"), Kept()
    columns: dict[str, Any] = dict.fromkeys(("anchors", "positives", "negatives"), SENTENCES)
    evaluator = TripletEvaluator(
        Stages(kept), SentenceEncoder(model) if engine == "fast" else None, name="x-dev", **columns
    )
    metrics = evaluator(model, epoch=0.5, steps=7)
    assert metrics["x-dev_max_accuracy"] == 0
    assert kept.notes == [
        "The embeddings of x-dev at step 7 are not finite: the training has diverged, and its "
        "accuracies mean nothing."
    ]
    evaluator.anchors = evaluator.positives = evaluator.negatives = SENTENCES[:1]
    if evaluator.embeddings is not None:
        assert np.isnan(evaluator.embeddings.for_training()).any()
        shorter = [SENTENCES[:1]] * 3
        evaluator.embeddings = ColumnEmbeddings(evaluator.embeddings.encoder, shorter)
    evaluator(model, steps=8)
    assert len(kept.notes) == 1


@pytest.mark.parametrize("engine", ["fast", "stock"])
def test_a_training_that_diverges_ends_by_itself(engine: str, home: Path, tmp_path: Path) -> None:
    made = small_recipe(tmp_path, training__learning_rate="1e38", training__engine=engine)
    done = run_stplay(*made, "--name=diverged")
    assert done.returncode == 0, done.stderr
    told = events_of(Run.find("diverged"))
    notes = [event.text for event in told if isinstance(event, events.Noted)]
    assert sum("accuracies mean nothing" in note for note in notes) == 4  # dev thrice, then test
    last = [event for event in told if isinstance(event, events.Evaluated)][-1]
    assert (last.split, last.cosine_accuracy) == ("test", 0)


@pytest.mark.usefixtures("warm_home")
def test_a_similarity_is_never_nan(tmp_path: Path) -> None:
    model = spoilt(small_model(1, tmp_path / "made"), "sits")
    model.save_pretrained(str(tmp_path / "mine"), create_model_card=False)
    arguments = ("sim", "--model", str(tmp_path / "mine"), SENTENCES[0])
    told = f"{tmp_path / 'mine'} gives numbers that are not finite (NaN), such as for 'the old"
    assert_mistake(run_stplay(*arguments, SENTENCES[1]), told)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(SENTENCES))
    assert_mistake(run_stplay(*arguments, "--against", str(corpus)), told)
    assert run_stplay(*arguments, SENTENCES[0]).stdout == "1.0000\n"
