"""Every layout that the library saves is read as the library reads it, or refused as it does."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import run_stplay
from engine.layouts import LAYOUTS, NAMES, WORDS, tokenizer
from sentence_transformers import SentenceTransformer

from stplay.engine.encoding import Encoder
from stplay.engine.model import open_model
from stplay.engine.stages import Stages
from stplay.errors import UserError
from stplay.events import EventWriter

SENTENCES = ["a cat sleeps", "", "The BIG dog!", "  under the tree ", "qux", "[MASK] a [SEP] b"]
SENTENCES += [" ".join(WORDS[:count]) for count in (5, 13, 19)]
SENTENCES += [" ".join(WORDS * 3), " ".join(reversed(WORDS * 3))]


STAGES = Stages(EventWriter(Path(os.devnull)))


def library(folder: Path) -> SentenceTransformer:
    """The library's own model."""
    return SentenceTransformer(str(folder), device="cpu", local_files_only=True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_embeddings(layout: str, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    LAYOUTS[layout](folder)
    theirs = library(folder)
    if layout == "no padding token":
        with pytest.raises(ValueError, match="does not have a padding token"):
            theirs.encode(SENTENCES)
        theirs.tokenizer.pad_token = "[MASK]"
    opened = open_model(str(folder), allow_pickle=False, stages=STAGES)
    found = Encoder(opened.model).encode(SENTENCES)
    np.testing.assert_allclose(found, theirs.encode(SENTENCES), rtol=0, atol=1e-5)


@pytest.mark.parametrize("layout", ["static", "no padding token"])
def test_the_command(layout: str, tmp_path: Path, warm_home: Path) -> None:
    folder = tmp_path / "model"
    LAYOUTS[layout](folder)
    done = run_stplay("sim", "--model", str(folder), "a cat", "a big dog")
    assert done.returncode == 0, done.stderr
    theirs = library(folder)
    if theirs.tokenizer is not None and layout == "no padding token":
        theirs.tokenizer.pad_token = "[MASK]"
    similarity = theirs.similarity(theirs.encode("a cat"), theirs.encode("a big dog"))
    assert done.stdout == f"{similarity.item():.4f}\n"


def test_nothing_to_pad_with_is_said(tmp_path: Path) -> None:
    words = tokenizer(**dict.fromkeys(NAMES))
    LAYOUTS["mean pooling"](tmp_path / "model")
    words.save_pretrained(tmp_path / "model")
    with pytest.raises(UserError, match="has no padding token, and no special token to pad with"):
        open_model(str(tmp_path / "model"), allow_pickle=False, stages=STAGES)
    with pytest.raises(ValueError, match="does not have a padding token"):
        library(tmp_path / "model").encode(SENTENCES)
