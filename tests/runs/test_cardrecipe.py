"""The preset all-nli and the recipes' fields, beside the reference card and the library."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkout import ROOT

from stplay.runs import recipe
from stplay.sources.datasources import data_source


@pytest.fixture(scope="module")
def library() -> dict[str, Any]:
    """The library's training arguments and their defaults, asked in a process of its own."""
    code = """
import dataclasses, json, sys
from enum import Enum
from sentence_transformers import SentenceTransformerTrainingArguments
arguments = SentenceTransformerTrainingArguments(output_dir=sys.argv[1])
values = {field.name: getattr(arguments, field.name) for field in dataclasses.fields(arguments)}
values = {name: value.value if isinstance(value, Enum) else value for name, value in values.items()}
print(json.dumps(values, default=str))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, "unused"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def in_library(value: object) -> object:
    """What the library writes where the recipe has ``value`` in ``max_steps``."""
    return -1 if value is None else value


def test_the_fields_are_the_librarys(library: dict[str, Any]):
    # Ours alone. The library of the card knew warmup_ratio; the training process renames it.
    ours = {"engine", "gpus", "probes", "test_at_end", "warmup_ratio"}
    # The loss wants no duplicates in a batch, and to see the evaluation is what stplay is for.
    chosen = {"batch_sampler", "eval_strategy", "eval_steps"}
    names = set(
        recipe.TrainingSection.__struct_fields__ + recipe.EvaluationSection.__struct_fields__
    )
    assert names - ours <= library.keys()
    assert "warmup_steps" in library
    defaults = recipe.Recipe()
    for name in names - ours - chosen:
        section = defaults.training if hasattr(defaults.training, name) else defaults.evaluation
        value = getattr(section, name)
        assert (in_library(value) if name == "max_steps" else value) == library[name], name


# What the card lists and the library writes differently today, though it means the same.
SAME_TODAY = {
    "lr_scheduler_kwargs": "{} and None are both no arguments",
    "local_rank": "0 and -1 are both one process",
    "fsdp": "off",
    "fsdp_config": "off",
    "accelerator_config": "the defaults, spelled out",
    "hub_private_repo": "nothing is pushed to the Hub",
    "include_num_input_tokens_seen": "a count that stplay takes itself",
}


def test_the_all_nli_preset_holds_what_the_card_does_differently(
    card: Path, library: dict[str, Any]
):
    text = (card / "hyperparameters.json").read_text(encoding="utf-8")
    reference = {name: as_value(shown) for name, shown in json.loads(text).items()}
    text = (ROOT / "stplay" / "assets").joinpath("recipes/all-nli.toml").read_text()
    written = recipe.tomllib.loads(text)
    written = written["training"] | written["evaluation"]
    known = reference.keys() & library.keys()
    different = {name for name in known - SAME_TODAY.keys() if reference[name] != library[name]}
    assert {"num_train_epochs", "bf16", "batch_sampler", "optim"} <= different, "nothing compared"
    for name in different | {"warmup_ratio"}:
        assert written.get(name) == reference[name], name

    loaded = recipe.load("all-nli")
    for name, value in reference.items():
        for section in (loaded.training, loaded.evaluation):
            if hasattr(section, name):
                mine = getattr(section, name)
                assert (in_library(mine) if name == "max_steps" else mine) == value, name


def as_value(shown: str) -> object:
    """A value of the card, which prints them as Python does."""
    for word, value in (("None", None), ("True", True), ("False", False), ("[]", []), ("{}", {})):
        if shown == word:
            return value
    try:
        return json.loads(shown)
    except ValueError:
        return shown


def test_the_all_nli_preset_is_the_cards_run():
    loaded = recipe.load("all-nli")
    data = loaded.data
    for name in (data.train, data.dev, data.test):
        assert name is not None
        source = data_source(name)
        assert (source.kind, source.place) == ("hub", "sentence-transformers/all-nli")
        assert source.revision == "d482672c8e74ce18da116f430137434ba2e52fab"
        assert source.configuration == "triplet"
    assert data.train_rows == 100_000
    assert (data.dev_rows, data.test_rows) == (1_000, 1_000)
    evaluation = loaded.evaluation
    assert (evaluation.eval_strategy, evaluation.eval_steps) == ("steps", 100)
    assert evaluation.eval_on_start
    assert evaluation.test_at_end
    assert loaded.training.logging_steps == 100
    assert (loaded.loss.scale, loaded.loss.similarity_fct) == (20.0, "cos_sim")
    assert loaded.model.max_seq_length == 512
    assert loaded.model.base == "nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large"
    steps = data.train_rows / loaded.training.per_device_train_batch_size
    assert steps * loaded.training.num_train_epochs == 6_250
