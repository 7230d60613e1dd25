"""The probe sentences of a training: encoded at each evaluation, as the model is by then."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import run_stplay
from numpy.typing import NDArray
from runner import events_of, logged, small_recipe, start, wait_for
from sentence_transformers import SentenceTransformer
from smallmodels import small_model
from transformers import TrainerState

from stplay.encoding.probelog import ProbeLog
from stplay.encoding.similarity import similarity_matrix
from stplay.engine.training.probes import Probes
from stplay.engine.training.vocabularyinuse import VocabularyInUse
from stplay.jobs.events import Evaluated, Noted, ProbesEncoded, RunStarted
from stplay.runs.probesentences import CARD_SENTENCES
from stplay.runs.run import Run

SENTENCES = ["a red cat", "the old man sits", "two dogs run outside", "a red cat"]
HALF = 1e-3  # what half precision leaves of a cosine
WAYS = {
    "fast": small_recipe,
    "stock": lambda folder: small_recipe(folder, training__engine="stock"),
    "two processes": lambda folder: [*small_recipe(folder), "--nproc-per-node=2"],
}


def embeddings_of(event: ProbesEncoded) -> NDArray[np.float16]:
    return np.frombuffer(event.embeddings, "<f2").reshape(-1, event.dimensions)


def transformer_of(model: SentenceTransformer) -> Any:
    return model[0].auto_model


def cosines(embeddings: NDArray[np.floating]) -> NDArray[np.float32]:
    return similarity_matrix(embeddings, embeddings, "cosine")


def folded(run: Run) -> ProbeLog:
    log = ProbeLog()
    run.fold_into(log)
    return log


def encoded(probes: Probes, step: int = 0) -> ProbesEncoded:
    state = TrainerState()
    state.global_step = step
    event = probes.encoded(state)
    assert event is not None
    return event


@pytest.mark.parametrize("way", WAYS)
def test_each_evaluation_tells_them_and_the_last_is_of_the_model_that_is_saved(
    home: Path, tmp_path: Path, way: str
) -> None:
    done = run_stplay(*WAYS[way](tmp_path / "data"), "--name=mine")
    assert done.returncode == 0, done.stderr
    run = Run.find("mine")
    events = events_of(run)
    evaluated = [each for each in events if isinstance(each, Evaluated) and each.split == "dev"]
    told = [each for each in events if isinstance(each, ProbesEncoded)]
    moments = [(each.step, each.epoch) for each in evaluated]
    assert [(each.step, each.epoch) for each in told] == moments
    assert [step for step, _ in moments] == [0, 8, 16, 24]
    line = max(map(len, run.events_path.read_bytes().splitlines()), default=0)
    assert all(len(each.embeddings) == 2 * 3 * 384 for each in told)
    assert line < 4000
    log = folded(run)
    assert (log.sentences, log.unreadable) == (CARD_SENTENCES, 0)
    model = SentenceTransformer(str(run.model_folder()), device="cpu")
    saved: Any = model.encode(CARD_SENTENCES)
    np.testing.assert_allclose(log.matrices[24].cosines, cosines(saved), atol=HALF)
    apart = np.abs(log.matrices[24].cosines - log.matrices[0].cosines).max()
    assert apart > 10 * HALF, "they do not change"


def test_a_run_that_was_resumed_has_those_of_one_that_was_not(home: Path, tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path / "data", training__max_steps="48", model__dropout="0")
    assert run_stplay(*recipe, "--name=whole").returncode == 0
    run = start(recipe, "mine")
    wait_for(run, logged(12))
    assert run_stplay("stop", "mine").returncode == 0
    at = run.read_log().step
    assert at < 48, "it was stopped too late"
    changed = run_stplay("resume", "mine", '--set=evaluation.probes=["a cat", "a dog"]')
    assert changed.returncode == 0, changed.stderr
    log, whole = folded(run), folded(Run.find("whole"))
    assert [*log.matrices] == [*whole.matrices] == [0, 8, 16, 24, 32, 40, 48]
    for step, matrix in log.matrices.items():
        asked = CARD_SENTENCES if step <= at else ["a cat", "a dog"]
        assert matrix.sentences == asked
        if step <= at:
            np.testing.assert_allclose(matrix.cosines, whole.matrices[step].cosines, atol=HALF)


@pytest.mark.parametrize(
    "changes", [{"evaluation__probes": "[]"}, {"evaluation__eval_strategy": "no"}]
)
def test_none_where_there_are_none_and_the_steps_are_the_same(
    home: Path, tmp_path: Path, changes: dict[str, str]
) -> None:
    for name, settings in (("with", {}), ("without", changes)):
        recipe = small_recipe(tmp_path / "data", training__max_steps="8", **settings)
        assert run_stplay(*recipe, f"--name={name}").returncode == 0
    run = Run.find("without")
    assert not any(isinstance(each, ProbesEncoded) for each in events_of(run))
    losses = [row.training_loss for row in Run.find("with").read_log().table()]
    assert [row.training_loss for row in run.read_log().table()][-1] == losses[-1]


def test_what_the_model_does_not_read_is_told(home: Path, tmp_path: Path) -> None:
    recipe = small_recipe(
        tmp_path / "data",
        training__max_steps="8",
        model__max_seq_length="8",
        evaluation__probes='["a cat", "a cat and a dog and a cow and a hen and a pig"]',
    )
    assert run_stplay(*recipe, "--name=mine").returncode == 0
    notes = [each.text for each in events_of(Run.find("mine")) if isinstance(each, Noted)]
    assert any(note.startswith("Of probe sentence 2 the last ") for note in notes), notes
    assert any("the model reads 8" in note for note in notes)
    assert not any("sentence 1" in note for note in notes)


def test_rows_of_the_vocabulary_that_are_not_trained_are_read_too(tmp_path: Path) -> None:
    model = small_model(2, tmp_path / "model")
    ids = model.tokenizer("a red cat")["input_ids"]
    vocabulary = VocabularyInUse(transformer_of(model), np.unique(ids).astype(np.int32))
    with torch.no_grad():
        vocabulary.narrow.weight += 0.1
    event = encoded(Probes(SENTENCES, model, vocabulary), 7)
    assert transformer_of(model).get_input_embeddings() is vocabulary.narrow
    with vocabulary.whole():
        whole: Any = model.encode(SENTENCES)
    assert (event.step, event.dimensions) == (7, whole.shape[1])
    units = whole / np.linalg.norm(whole, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings_of(event), units, atol=HALF)


def test_what_is_not_finite_is_told_as_such(tmp_path: Path) -> None:
    model = small_model(2, tmp_path / "model")
    probes = Probes(SENTENCES, model, None)
    tokenizer = model.tokenizer
    ids = {*tokenizer(SENTENCES[2])["input_ids"]} - {
        *tokenizer(" ".join(SENTENCES[:2]))["input_ids"]
    }
    with torch.no_grad():
        transformer_of(model).get_input_embeddings().weight[[*ids]] = torch.nan
    log = ProbeLog()
    recipe = {"evaluation": {"probes": SENTENCES}, "data": {"dev": "a"}}
    log.fold([started(recipe), encoded(probes)])
    found = np.isfinite(log.matrices[0].cosines)
    assert not found[2].any()
    assert found[0, 0]
    assert found[0, 3]


@pytest.mark.parametrize("narrow", [True, False])
def test_a_token_without_an_embedding_ends_no_training(tmp_path: Path, narrow: bool) -> None:
    from stplay.engine.models import unknowntokens

    model = small_model(2, tmp_path / "model")
    transformer = transformer_of(model)
    embedding = transformer.get_input_embeddings()
    ids = np.array(model.tokenizer("a")["input_ids"])
    most = int(ids.max()) + 1
    assert max(model.tokenizer("two dogs run outside")["input_ids"]) >= most
    transformer.set_input_embeddings(
        torch.nn.Embedding(most, embedding.embedding_dim, padding_idx=embedding.padding_idx)
    )
    unknowntokens.refuse(model, "model")
    vocabulary = VocabularyInUse(transformer, ids) if narrow else None
    probes = Probes(SENTENCES, model, vocabulary)
    (note,) = probes.notes
    assert note.startswith("The probe sentences are not encoded. The model has no embedding of")
    assert probes.encoded(TrainerState()) is None


def test_more_numbers_than_a_line_should_have_are_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stplay.engine.training.probes.MOST_PACKED", 100)
    probes = Probes(SENTENCES, small_model(2, tmp_path / "model"), None)
    (note,) = probes.notes
    assert "their 96 numbers are too many" in note
    assert probes.encoded(TrainerState()) is None


def started(recipe: dict[str, Any]) -> RunStarted:
    return RunStarted(
        recipe=recipe,
        base="",
        device="",
        precision="",
        versions={},
        rows={},
        total_steps=1,
        parameters=1,
    )
