"""The sentences of a corpus: of texts and of columns, and of nothing that is neither."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from stplay.engine.data import corpussentences
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter

SENTENCES = ["a man, a plan", 'he said "go"', "ça va"]
ROWS = [{"text": sentence} for sentence in SENTENCES]


def read(path: Path, content: str | bytes, column: str | None = None) -> list[str]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    stages = Stages(EventWriter(Path(os.devnull)))
    return [*corpussentences.read(str(path), column, stages).first]


def told(path: Path, content: str | bytes, column: str | None = None) -> str:
    with pytest.raises(UserError) as raised:
        read(path, content, column)
    return raised.value.sentence


@pytest.mark.parametrize("name", ["x.txt", "x.TXT", "x.txt.gz", "corpus"])
def test_a_text_has_a_sentence_a_line(name: str, tmp_path: Path) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        text = "\r\n".join(SENTENCES).encode(encoding)
        assert read(tmp_path / name, text) == SENTENCES
        assert read(tmp_path / name, gzip.compress(text)) == SENTENCES


@pytest.mark.parametrize("name", ["x.json", "x.JSONL", "x.jsonl.gz"])
def test_of_json_a_column_is_read_and_never_its_source(name: str, tmp_path: Path) -> None:
    for text in (json.dumps(ROWS, indent=1), "\n".join(map(json.dumps, ROWS))):
        assert read(tmp_path / name, text) == SENTENCES


def test_of_a_table_a_column_is_read_whatever_the_case_of_its_suffix(tmp_path: Path) -> None:
    assert read(tmp_path / "x.CSV", "text;id\na man, a plan;1\n", "Text ") == ["a man, a plan"]
    assert read(tmp_path / "x.TSV", 'text\nhe said "go"\n"\n') == ['he said "go"', '"']


@pytest.mark.parametrize("name", ["x.html", "x.xlsx", "x.py", "x.npy"])
def test_what_is_neither_text_nor_data_is_refused(name: str, tmp_path: Path) -> None:
    assert told(tmp_path / name, "<p>\n").endswith(
        f"{name} is neither a .jsonl, .json, .csv, .tsv, .parquet file nor a .txt with one "
        "sentence a line; if it is one, call it .txt."
    )


def test_a_text_of_objects_is_no_text(tmp_path: Path) -> None:
    text = "\n".join(map(json.dumps, ROWS))
    assert told(tmp_path / "x.txt", text).endswith(
        "x.txt holds JSON objects and no sentences; call it .jsonl."
    )
    braces = ["{curly} sentences are sentences", "{"]
    assert read(tmp_path / "x.txt", "\n".join(braces)) == braces


def test_the_only_column_of_a_table_is_not_its_first_sentence(tmp_path: Path) -> None:
    assert told(tmp_path / "x.csv", "A man is sleeping.\nA dog barks.\n").endswith(
        "x.csv begins with 'A man is sleeping.', which is no name of a column; put a first line "
        "above it that names them."
    )
    assert told(tmp_path / "y.csv", "text,text\na,b\n", "text").endswith(
        "has the column text 2 times; rename those that are not meant."
    )
