"""Names of models and data: every form, and every way in which one can be wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from stplay.errors import UserError
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.sources import datasources, names
from stplay.sources.datasources import DataSource, data_source
from stplay.sources.modelsources import ModelSource, model_source
from stplay.text import printable

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
        (
            "all-nli",
            DataSource("hub", datasources.ALL_NLI_REPOSITORY, REVISION, "triplet"),
            "all-nli",
        ),
        (
            "sentence-transformers/all-nli",
            DataSource("hub", datasources.ALL_NLI_REPOSITORY, None, "triplet"),
            "all-nli",
        ),
        (
            "sentence-transformers/all-nli@main",
            DataSource("hub", datasources.ALL_NLI_REPOSITORY, "main", "triplet"),
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


@pytest.mark.parametrize("name", ["data.xlsx", "data.txt", "data", "data.txt.gz", "data.gz"])
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
