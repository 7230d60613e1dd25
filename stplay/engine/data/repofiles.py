"""Which files of a Hub repository are needed: of a model, and of one split of a data set."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from stplay.errors import UserError
from stplay.sources.names import kind_of_file
from stplay.text import printable

READABLE = (".parquet", ".jsonl", ".csv", ".tsv", ".json")
_NO_ROWS = ("dataset_infos.json", "dataset_dict.json", "dataset_info.json", "state.json")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_OTHER_FRAMEWORKS = (
    *("*.h5", "*.msgpack", "*.ot", "*.onnx", "*.onnx_data", "*.gguf", "*.tflite", "*.ckpt.*"),
    *("onnx/*", "openvino/*", "coreml/*", "saved_model/*", "checkpoint-*/*"),
)
SPLIT_WORD = re.compile(r"(?<![^-._ 0-9/])(train|dev|validation|valid|val|test)(?![^-._ 0-9/])")


class ModelFiles(NamedTuple):
    """The files that torch needs; ``pickles`` are weights that are in no safetensors file."""

    names: list[str]
    pickles: list[str]


def model_files(names: Iterable[str]) -> ModelFiles:
    """The files that loading a model with torch takes, from the names of all."""
    paths = [
        PurePosixPath(name)
        for name in names
        if not any(fnmatch(name, glob) for glob in _OTHER_FRAMEWORKS)
    ]
    safe = {path.parent for path in paths if path.suffix == ".safetensors"}
    # Beside the top folder, only those that the library's ``save`` makes for modules are loaded: a
    # number and a class, and, of a Router, a route, a number and a class.
    pickles = [
        str(path)
        for path in paths
        if path.match("pytorch_model*.bin")
        and path.parent not in safe
        and re.match(r"(\d+_[^/]*/)?([^/]+_\d+_[^/]*/)*pytorch_model", str(path))
    ]
    return ModelFiles([str(path) for path in paths if path.suffix not in _PICKLES], pickles)


class Layout(NamedTuple):
    """The files of each split, and the numbers of rows where the card tells them."""

    splits: dict[str, list[str]]
    rows: dict[str, int]


def read_card(path: Path, name: str) -> dict[str, Any]:
    """What the card of the data set called ``name`` tells at its head.

    Raises:
        UserError: it is damaged.
    """
    import yaml
    from huggingface_hub import metadata_load

    try:
        return metadata_load(path) or {}
    except (yaml.YAMLError, ValueError) as error:
        raise UserError(f"The card of {name} is damaged: {printable(str(error))}") from None


def layout(card: dict[str, Any], names: Iterable[str], wanted: str | None) -> Layout:
    """Where the splits are among the files called ``names``, in configuration ``wanted``.

    Without ``wanted`` it is the one that the card calls the default, the only one, or ``triplet``.

    Raises:
        LookupError: the card has several configurations, whose names it holds, but not that one.
    """
    from fsspec.utils import glob_translate

    names = sorted(names)
    configurations = {
        str(table.get("config_name", "default")): table
        for table in _tables(card.get("configs"))
        if table.get("data_files")
    }
    if not configurations:
        return Layout(_splits_by_name(names), _rows(card, wanted or "default"))
    default = [name for name, table in configurations.items() if table.get("default")]
    only = list(configurations) if len(configurations) == 1 else []
    order = [wanted] if wanted else [*default, *only, "triplet"]
    name = next((name for name in order if name in configurations), None)
    if name is None:
        raise LookupError(", ".join(configurations))
    splits = {
        split: [name for glob in globs for name in names if re.match(glob_translate(glob), name)]
        for split, globs in _globs(configurations[name]["data_files"]).items()
    }
    return Layout(splits, _rows(card, name))


def _tables(value: object) -> list[dict[str, Any]]:
    # Cards are written by hand, and one table stands for a list of one.
    tables = value if isinstance(value, list) else [value]
    return [table for table in tables if isinstance(table, dict)]


def _globs(data_files: object) -> dict[str, list[str]]:
    if isinstance(data_files, dict):
        pairs = list(data_files.items())
    elif tables := _tables(data_files):
        pairs = [(table.get("split", "train"), table.get("path")) for table in tables]
    else:
        pairs = [("train", data_files)]
    return {
        str(split): [str(glob) for glob in (globs if isinstance(globs, list) else [globs])]
        for split, globs in pairs
    }


def _splits_by_name(names: list[str]) -> dict[str, list[str]]:
    names = [
        name
        for name in names
        if not re.search(r"(^|/)(\.|__)", name) and PurePosixPath(name).name not in _NO_ROWS
    ]
    # The same rows are often there in several formats.
    kinds = {kind_of_file(name) for name in names}
    suffix = next((suffix for suffix in READABLE if suffix in kinds), None)
    splits: dict[str, list[str]] = {}
    for name in names:
        if suffix and kind_of_file(name) == suffix:
            word = "".join(SPLIT_WORD.findall(name)[-1:])
            splits.setdefault("validation" if word == "valid" else word, []).append(name)
    unnamed = splits.pop("", [])
    return splits or ({"train": unnamed} if unnamed else {})


def _rows(card: dict[str, Any], configuration: str) -> dict[str, int]:
    return {
        str(split.get("name")): split["num_examples"]
        for table in _tables(card.get("dataset_info"))
        if str(table.get("config_name", "default")) == configuration
        for split in _tables(table.get("splits"))
        if isinstance(split.get("num_examples"), int)
    }
