"""``stplay recipe``: a recipe printed, saved, and told field by field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stplay.cli.main import main
from stplay.runs import recipe

CHANGE = ("--set", "training.learning_rate=2e-4")


def test_a_recipe_is_printed_saved_and_told(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    changed = recipe.load("sample", CHANGE[1:])
    assert main(["recipe", "sample", *CHANGE]) == 0
    mine = tmp_path / "mine.toml"
    mine.write_text(capfd.readouterr().out)
    assert recipe.load(mine) == changed
    assert main(["recipe", "sample", *CHANGE, "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["training"]["learning_rate"] == 2e-4
    assert main(["recipe", "sample", *CHANGE, "--fields", "learning_rate"]) == 0
    told = capfd.readouterr().out.splitlines()
    assert told[0] == "training.learning_rate = 0.0002   instead of 0.00005"
    assert told[1].endswith("It must be a number above 0.")
    saved = tmp_path / "saved"
    assert main(["recipe", "sample", *CHANGE, "--save", str(saved)]) == 0
    assert recipe.load(saved.with_suffix(".toml")) == changed
    assert main(["recipe", "--save", str(saved)]) == 2
    assert "already" in capfd.readouterr().err
    assert main(["recipe", "--save", str(saved), "--force"]) == 0
    assert recipe.load(saved.with_suffix(".toml")) == recipe.load("sample")
