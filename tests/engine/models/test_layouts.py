"""Every layout that the library saves is read as the library reads it, or refused as it does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import run_stplay
from layouts import (
    encoder,
    static,
)
from librarysown import STAGES, assert_as_the_library, library
from savedlayouts import (
    LAYOUTS,
    without,
)

from stplay.engine.models.basemodel import open_model
from stplay.errors import UserError


def similar(name: str) -> Any:
    return lambda folder: encoder(folder, similarity_fn_name=name)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_saved_layout(name: str, tmp_path: Path) -> None:
    assert_as_the_library(LAYOUTS[name], tmp_path / "model")


@pytest.mark.parametrize("name", ["pickled", "pickled dense", "pickled static"])
def test_a_pickle_is_refused_unless_allowed(name: str, tmp_path: Path) -> None:
    LAYOUTS[name].make(tmp_path / "model")
    with pytest.raises(UserError, match="has only a pickle checkpoint"):
        open_model(str(tmp_path / "model"), allow_pickle=False, stages=STAGES)


def no_list(folder: Path) -> None:
    encoder(folder)
    (folder / "modules.json").write_text("[")


def another_class(folder: Path) -> None:
    encoder(folder)
    text = (folder / "modules.json").read_text()
    (folder / "modules.json").write_text(text.replace("pooling.Pooling", "pooling.Puddle"))


BROKEN = {
    "no configuration": without("modules.json", "config.json"),
    "no weights": without("model.safetensors"),
    "no module list that can be read": no_list,
    "a class that there is not": another_class,
    "only a README": lambda folder: (folder.mkdir(), (folder / "README.md").write_text("x")),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_library_cannot_load_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    BROKEN[name](tmp_path / "model")
    with pytest.raises(Exception):  # noqa: B017, PT011  whatever the library raises
        library(tmp_path / "model")
    with pytest.raises(UserError) as told:
        open_model(str(tmp_path / "model"), allow_pickle=False, stages=STAGES)
    assert str(tmp_path / "model") in told.value.sentence


def test_the_command(tmp_path: Path, warm_home: Path) -> None:
    folder = tmp_path / "model"
    static(folder)
    done = run_stplay("sim", "--model", str(folder), "a cat", "a big dog")
    assert done.returncode == 0, done.stderr
    theirs = library(folder)
    similarity = theirs.similarity(theirs.encode("a cat"), theirs.encode("a big dog"))
    assert done.stdout == f"{similarity.item():.4f}\n"
