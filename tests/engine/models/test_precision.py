"""Models in half and double precision: read as they are stored, trained in single."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import run_stplay, write_triplets
from judges import assert_equal
from runner import small_recipe
from safetensors.torch import load_file
from savedmodels import loaded, opened, saved, stages
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Pooling
from smallmodels import DIMENSIONS, exact_model, random_triplets, small_model, transformer

from stplay.engine.models import loading
from stplay.engine.models.basemodel import load_model
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.evaluations.evaluation import Evaluation
from stplay.runs import recipe
from stplay.runs.run import Run

PRECISIONS = [torch.float16, torch.bfloat16, torch.float64]
SENTENCES = ["a red cat", "the old man sits", "a red cat", "two young dog runs"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("way", ["packed", "static"])
def test_what_is_encoded_is_in_single_precision(
    way: str, precision: torch.dtype, tmp_path: Path
) -> None:
    model = (exact_model() if way == "static" else small_model(1, tmp_path)).to(precision)
    expected = model.encode(SENTENCES)
    encoder = SentenceEncoder(model)
    found = encoder.encode(SENTENCES)
    assert (found.dtype, found.flags.c_contiguous) == (np.float32, True)
    half = precision != torch.float64
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.05 if half else 1e-6)
    # Who judges triplets takes them as the library gives them: half precision makes ties.
    assert encoder.embed(encoder.prepare(SENTENCES)).dtype == expected.dtype


@pytest.mark.parametrize("precision", PRECISIONS)
def test_triplets_are_judged_as_by_the_library(precision: torch.dtype, tmp_path: Path) -> None:
    triplets = random_triplets(3)
    found = assert_equal(exact_model().to(precision), triplets, tmp_path)
    assert 0.1 < found.accuracies["cosine_accuracy"] < 0.9


@pytest.mark.usefixtures("warm_home")
def test_half_precision_in_sim(tmp_path: Path) -> None:
    small_model(1, tmp_path / "made").half().save_pretrained(str(tmp_path / "half"))
    arguments = ("sim", "--model", str(tmp_path / "half"), SENTENCES[0])
    done = run_stplay(*arguments, SENTENCES[1], "--format=json")
    assert done.returncode == 0, done.stderr
    model = small_model(1, tmp_path / "again").half()
    embeddings = model.encode(SENTENCES[:2])
    expected = model.similarity(embeddings, embeddings).float().numpy()
    np.testing.assert_allclose(json.loads(done.stdout)["matrix"], expected, atol=2e-3)
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(SENTENCES))
    done = run_stplay(*arguments, "--against", str(corpus), "-k1")
    assert done.stdout == "1.0000  a red cat\n", done.stderr


# training


def named(precision: torch.dtype) -> str:
    return str(precision).removeprefix("torch.")


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("kind", ["safetensors", "pickle", "static", "dense", "checkpoint"])
def test_a_training_is_in_single_precision(
    kind: str, precision: torch.dtype, tmp_path: Path
) -> None:
    model = exact_model() if kind == "static" else small_model(1, tmp_path / "made")
    if kind == "dense":
        modules = [transformer(1, tmp_path / "made"), Pooling(DIMENSIONS), Dense(DIMENSIONS, 8)]
        model = SentenceTransformer(modules=modules, device="cpu")
    model.to(precision)
    folder = saved(model, tmp_path / "half")
    if kind == "pickle":
        torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
        (folder / "model.safetensors").unlink()
    if kind == "checkpoint":
        base = load_model(recipe.ModelSection(), None, folder, stages())  # pyright: ignore
    else:
        base = loaded(folder, allow_pickle=True)
    what = "checkpoint" if kind == "checkpoint" else "base model"
    assert base.notes == [f"The {what} is stored in {named(precision)}; it is trained in float32."]
    assert loading.precision(base.model) == "float32"
    for trained, stored in zip(base.model.parameters(), model.parameters(), strict=True):
        assert torch.equal(trained, stored.float())
    # Elsewhere it is what the library makes of it.
    assert loading.precision(opened(folder, allow_pickle=True)) == named(precision)


def test_what_the_files_hold_is_told_whatever_the_configuration_says(tmp_path: Path) -> None:
    model = small_model(1, tmp_path / "made")
    folder = saved(model, tmp_path / "model")
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(settings | {"dtype": "bfloat16"}))
    base = loaded(folder)
    assert base.notes == []
    assert torch.equal(next(base.model.parameters()), next(model.parameters()))
    assert loading.precision(opened(folder)) == "bfloat16"  # as by the library


def test_precisions_are_told_apart_within_a_model(tmp_path: Path) -> None:
    model = small_model(1, tmp_path)
    model[0].auto_model.embeddings.half()  # pyright: ignore
    assert loading.precision(model) == "float16 and float32"
    assert not loading.is_quantized(model)
    model[0].auto_model.hf_quantizer = object()  # pyright: ignore
    assert loading.is_quantized(model)


def moved(folder: Path, run: Run) -> float:
    """How many of the weights a run has changed, of those that take part."""
    before, after = (load_file(each / "model.safetensors") for each in (folder, run.model_folder()))
    parts = [name for name in before if name.startswith("encoder")]
    assert {after[name].dtype for name in parts} == {torch.float32}
    changed = [(before[name].float() != after[name]).flatten() for name in parts]
    return torch.cat(changed).float().mean().item()


def test_a_half_precision_base_moves(home: Path, tmp_path: Path) -> None:
    model = small_model(1, tmp_path / "made").bfloat16()
    folder = saved(model, tmp_path / "half")
    arguments = small_recipe(
        tmp_path / "data", model__base=str(folder), training__learning_rate="2e-5"
    )
    done = run_stplay(*arguments, "--name=moved")
    assert done.returncode == 0, done.stderr
    run = Run.find("moved")
    log = run.read_log()
    assert log.started is not None
    assert log.started.precision == "float32"
    told = "The base model is stored in bfloat16; it is trained in float32."
    assert told in [note.text for note in log.notes]
    assert moved(folder, run) > 0.9
    planned = run_stplay("plan", *arguments[1:])
    assert "float32" in planned.stdout.splitlines()[0], planned.stderr
    assert planned.stdout.splitlines()[1] == told


# evaluating


def test_an_evaluation_tells_the_precision_of_each_model(home: Path, tmp_path: Path) -> None:
    names = []
    for place, precision in enumerate((torch.float16, torch.bfloat16, torch.float32)):
        model = small_model(place, tmp_path / f"made{place}").to(precision)
        names.append(str(saved(model, tmp_path / named(precision))))
    data = write_triplets(tmp_path / "rows.jsonl", 30)
    done = run_stplay("eval", *names, "--data", str(data), "--json")
    assert done.returncode == 0, done.stderr
    expected = ["float16", "bfloat16", "float32"]
    assert [json.loads(line)["precision"] for line in done.stdout.splitlines()] == expected
    [evaluation] = Evaluation.every()
    assert [model.precision for model in evaluation.summary().models] == expected
    shown = run_stplay("evaluations", evaluation.id, env={"COLUMNS": "500"}).stdout
    in_brackets = [f"({precision})" for precision in expected]  # after the name of each
    assert [line.split()[-3:] for line in shown.splitlines()][1] == in_brackets
