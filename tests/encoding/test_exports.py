"""Exports are read back by other programs: csv, json, numpy, safetensors."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from stplay.encoding import exports
from stplay.errors import UserError

SENTENCES = ['say "hi", or | not', "two\nlines \x1b[31m", "emoji 👩‍🚀 and עברית"]
EMBEDDINGS = np.random.default_rng(0).standard_normal((3, 8)).astype(np.float32)
MATRIX = (EMBEDDINGS @ EMBEDDINGS.T).astype(np.float32)


def test_csv_holds_every_bit():
    first, *rows = csv.reader(io.StringIO(exports.csv(SENTENCES, MATRIX)))
    assert first == ["sentence", *SENTENCES]
    assert [row[0] for row in rows] == SENTENCES
    assert np.array_equal(np.array([row[1:] for row in rows], np.float32), MATRIX)


def test_json_holds_every_bit():
    found = json.loads(exports.json("some/model", "dot", SENTENCES, MATRIX))
    assert list(found) == ["model", "metric", "sentences", "matrix"]
    assert (found["model"], found["metric"]) == ("some/model", "dot")
    assert found["sentences"] == SENTENCES
    assert np.array_equal(np.array(found["matrix"], np.float32), MATRIX)


def test_numbers_are_as_short_as_they_can_be():
    assert "[[0.1]]" in exports.json("m", "dot", ["a"], np.array([[0.1]], np.float32))


def test_markdown_is_a_table_whatever_the_sentences():
    lines = exports.markdown(SENTENCES, np.eye(3)).splitlines()
    assert lines[:3] == [
        "| | | 1 | 2 | 3 |",
        "|---:|---|---:|---:|---:|",
        '| 1 | say "hi", or \\| not | 1.000 | 0.000 | 0.000 |',
    ]
    assert len(lines) == 5
    assert "\x1b" not in lines[3]


def test_npy_is_the_matrix():
    assert np.array_equal(np.load(io.BytesIO(exports.npy(MATRIX))), MATRIX)


@pytest.mark.parametrize("suffix", exports.SUFFIXES)
def test_a_file_is_what_its_suffix_says(tmp_path: Path, suffix: str):
    path = tmp_path / f"out{suffix}"
    exports.write(path, "some/model", "cosine", SENTENCES, MATRIX, EMBEDDINGS)
    match suffix:
        case ".csv":
            assert path.read_bytes().decode() == exports.csv(SENTENCES, MATRIX)
        case ".json":
            assert json.loads(path.read_text())["metric"] == "cosine"
        case ".npy":
            assert np.array_equal(np.load(path), MATRIX)
        case _:
            with safe_open(path, "np") as file:
                assert np.array_equal(file.get_tensor("matrix"), MATRIX)
                assert np.array_equal(file.get_tensor("embeddings"), EMBEDDINGS)
                metadata = file.metadata()
            assert metadata["model"] == "some/model"
            assert json.loads(metadata["sentences"]) == SENTENCES


def test_what_cannot_be_written_is_told(tmp_path: Path):
    def write(path: Path) -> None:
        exports.write(path, "m", "cosine", SENTENCES, MATRIX, EMBEDDINGS)

    with pytest.raises(UserError, match=r"end it with .csv, .json, .npy or .safetensors"):
        write(tmp_path / "matrix.xls")
    with pytest.raises(UserError, match="No such file or directory"):
        write(tmp_path / "none" / "matrix.csv")
    assert list(tmp_path.iterdir()) == []
