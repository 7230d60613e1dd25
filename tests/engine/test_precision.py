"""Models in half and double precision: read as they are stored, trained in single."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import run_stplay
from engine.test_evaluation_equality import (
    assert_equal,
    exact_model,
    random_triplets,
    small_model,
)

from stplay.engine.encoding import Encoder

PRECISIONS = [torch.float16, torch.bfloat16, torch.float64]
SENTENCES = ["a red cat", "the old man sits", "a red cat", "two young dog runs"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("way", ["packed", "static"])
def test_what_is_encoded_is_in_single_precision(
    way: str, precision: torch.dtype, tmp_path: Path
) -> None:
    model = (exact_model() if way == "static" else small_model(1, tmp_path)).to(precision)
    expected = model.encode(SENTENCES)
    encoder = Encoder(model)
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
