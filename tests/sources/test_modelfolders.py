"""The folder of a model: what has to be there, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from stplay.errors import UserError
from stplay.sources.modelfolders import check_model_folder
from stplay.text import printable


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mo\x1bdel"


def refusal(folder: Path, *, allow_pickle: bool = False) -> str:
    with pytest.raises(UserError) as told:
        check_model_folder(folder, allow_pickle=allow_pickle)
    message = str(told.value)
    assert "mo�del" in message
    assert printable(message) == message
    return message


def test_a_folder_with_safe_weights(folder: Path):
    touch(folder / "config.json", folder / "model.safetensors")
    check_model_folder(folder, allow_pickle=False)
    touch(folder / "pytorch_model.bin")
    check_model_folder(folder, allow_pickle=False)


def test_sharded_weights_are_weights(folder: Path):
    touch(folder / "config.json", folder / "model-00001-of-00002.safetensors")
    check_model_folder(folder, allow_pickle=False)


@pytest.mark.parametrize("allow_pickle", [False, True])
def test_a_folder_that_is_no_model(folder: Path, allow_pickle: bool):
    assert "no config.json" in refusal(folder, allow_pickle=allow_pickle)
    touch(folder / "model.safetensors")
    assert "no config.json" in refusal(folder, allow_pickle=allow_pickle)
    (folder / "model.safetensors").unlink()
    touch(folder / "config.json", folder / "training_args.bin")
    assert "no weights (no model.safetensors)" in refusal(folder, allow_pickle=allow_pickle)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "pytorch_model-00001-of-00002.bin"])
def test_a_pickle_checkpoint_is_refused_unless_allowed(folder: Path, name: str):
    touch(folder / "config.json", folder / name)
    message = refusal(folder)
    assert "pickle" in message
    assert "--set model.allow_pickle=true" in message
    check_model_folder(folder, allow_pickle=True)


def modules(folder: Path, *parts: str) -> None:
    touch(folder / "modules.json")
    (folder / "modules.json").write_text(json.dumps([{"path": part} for part in parts]))


def test_a_model_of_parts(folder: Path):
    modules(folder, "0_Transformer", "1_Pooling", "2_Dense")
    for part in ("0_Transformer", "1_Pooling", "2_Dense"):
        touch(folder / part / "config.json")
    assert "no weights" in refusal(folder)
    touch(folder / "0_Transformer" / "model.safetensors", folder / "2_Dense" / "model.safetensors")
    check_model_folder(folder, allow_pickle=False)


@pytest.mark.parametrize("part", ["0_Transformer", "2_Dense"])
def test_one_pickled_part_is_refused_unless_allowed(folder: Path, part: str):
    modules(folder, "0_Transformer", "1_Pooling", "2_Dense")
    for other in ("0_Transformer", "2_Dense"):
        weights = "pytorch_model.bin" if other == part else "model.safetensors"
        touch(folder / other / "config.json", folder / other / weights)
    assert f"{part} has only a pickle checkpoint" in refusal(folder)
    check_model_folder(folder, allow_pickle=True)


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 100_000, "5", "[5]", "[{}]", '[{"path": 5}]', '{"path": "a"}', "\x00"]
)
def test_a_damaged_list_of_parts(folder: Path, text: str):
    touch(folder / "config.json", folder / "model.safetensors")
    (folder / "modules.json").write_text(text)
    assert "modules.json is damaged" in refusal(folder)
