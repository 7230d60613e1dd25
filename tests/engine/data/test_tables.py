"""Tables as people have them: parted by what they like, packed, marked, and not always tables."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pandas
import pytest

from stplay.engine.data import tables
from stplay.engine.data.columns import RowColumns
from stplay.errors import UserError

Cells = tuple[str, ...]
ROWS: list[Cells] = [("a man, a plan", "b", "c"), ("ça", "e; f", "g")]
OBJECTS = [dict(zip(("anchor", "positive", "negative"), row, strict=True)) for row in ROWS]


def read(name: str, content: str | bytes) -> list[Cells]:
    data = content.encode() if isinstance(content, str) else content
    found = tables.rows(io.BytesIO(data), name, RowColumns(None))
    return [(row["anchor"], row["positive"], row["negative"]) for row in found]


def told(name: str, content: str | bytes) -> str:
    with pytest.raises(UserError) as raised:
        read(name, content)
    return raised.value.sentence


def test_a_quote_in_a_tab_separated_table_is_text() -> None:
    rows = [('"Go', "b", 'he said "go"'), ('6" long', '"', 'x"'), ('"all of it"', "b", "c")]
    text = "\n".join("\t".join(row) for row in [("anchor", "positive", "negative"), *rows])
    assert read("x.tsv", text) == rows
    assert read("x.TSV", text.replace("\n", "\r\n")) == rows


def test_a_tab_separated_table_with_quotes_is_read_with_them_or_told() -> None:
    header = "anchor\tpositive\tnegative"
    quoted = '"' + header.replace("\t", '"\t"') + '"'
    row = '"He said ""go"", and\nleft."\t"b"\t"c"'
    wanted = [('He said "go", and\nleft.', "b", "c")]
    assert read("x.tsv", f"{quoted}\n{row}\n") == wanted
    assert read("x.csv", f"{header}\n{row}\n") == wanted
    on_one_line = row.replace("\n", " ")
    columns = RowColumns(None)
    text = f'{header}\na\t"b"\tc\n{on_one_line}\n'
    assert len([*tables.rows(io.BytesIO(text.encode()), "x.tsv", columns)]) == 2
    assert columns.said == [
        "in 1 of its cells quotes that may be the file's are read as text (a file that quotes its "
        "cells is a .csv)"
    ]
    assert "line 2 has fewer fields than the first line" in told("x.tsv", f"{header}\n{row}\n")
    assert "a table with quotes is a .csv file" in told("x.tsv", f"{header}\n{row}\n")


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_parts_the_cells_is_found_out(mark: str, end: str) -> None:
    text = pandas.DataFrame(OBJECTS).to_csv(sep=mark, lineterminator=end)
    assert read("x.csv", text) == ROWS


def test_blanks_around_cells_are_kept() -> None:
    # The standard library's sniffer takes them for the table's and not the sentences'.
    text = "anchor, positive,negative\n a, b, c\n d, e, f\n"
    assert read("x.csv", text) == [(" a", " b", " c"), (" d", " e", " f")]


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.JSON", "x.JSONL.GZ", "x.json.gz"])
def test_json_is_an_array_or_one_object_a_line_whatever_its_name(name: str) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in OBJECTS)
    for text in (lines, json.dumps(OBJECTS), "\n" + json.dumps(OBJECTS, indent=2) + "\n"):
        content = text.encode()
        assert read(name, content) == ROWS
        assert read(name, gzip.compress(content)) == ROWS
        assert read(name, b"\xef\xbb\xbf" + content) == ROWS


def test_json_that_is_no_table_is_told() -> None:
    assert told("x.json", json.dumps(OBJECTS[0], indent=2)) == (
        "x.json is neither an array of JSON objects, one for each row, nor has it one object a "
        "line."
    )
    assert told("x.json", "[\n1]") == "x.json: row 1 is not a JSON object with named columns."
    assert told("x.json", '["a"]\n["b"]') == (
        "x.json: line 1 is not a JSON object with named columns."
    )
    assert told("x.json", '[{"anchor": "a",\n]').startswith("x.json: line 2 is not JSON: ")
    assert told("x.json", "\n \n") == told("x.json", "") == "x.json is empty."
    assert told("x.json", '[{"anchor": "a"}]').startswith("x.json: row 1 lacks the columns")


def test_every_table_may_be_packed_and_marked() -> None:
    text = "anchor;positive;negative\n" + "\n".join('"' + '";"'.join(row) + '"' for row in ROWS)
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        assert read("x.csv", text.encode(encoding)) == ROWS
        assert read("x.CSV.gz", gzip.compress(text.encode(encoding))) == ROWS
        # What is in a file decides whether it is packed, as names get lost.
        assert read("x.csv", gzip.compress(text.encode(encoding))) == ROWS


@pytest.mark.parametrize("name", ["x.csv", "x.tsv", "x.jsonl", "x.json", "x.parquet", "x.csv.gz"])
def test_a_pointer_of_git_lfs_is_told_as_such(name: str) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n"
    assert told(name, pointer) == (
        f"{name} is only a pointer of Git LFS to the file; get the file with: git lfs pull"
    )


@pytest.mark.parametrize(
    "first",
    ["A man sleeps in a bed,He rests,He runs", "No.,Yes,It is", "0,1,2", "x" * 50 + ",b,c"],
)
def test_a_table_without_a_header_is_told_as_such(first: str) -> None:
    begin = first.split(",")[0]
    assert told("x.csv", f"{first}\n{first}\n") == (
        f"x.csv begins with {begin!r}, which is no name of a column; put a first line above it "
        "that names them."
    )
    assert "put a first line above it" in told("x.tsv", first.replace(",", "\t"))


def test_a_blank_first_line_and_an_empty_file_have_words_of_their_own() -> None:
    for name in ("x.csv", "x.tsv"):
        blank = "\n \n"[: 1 + len(name) % 2]
        assert told(name, f"{blank}anchor,positive,negative\na,b,c") == (
            f"{name} begins with a blank line; the first has to name the columns."
        )
    for name in ("x.csv", "x.tsv", "x.jsonl", "x.parquet"):
        assert told(name, "") == f"{name} is empty."


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    text = "anchor,positive,negative,positive\na,b,c,d\n"
    wanted = "x.csv has the column positive 2 times; rename those that are not meant."
    assert told("x.csv", text) == wanted
    assert told("x.tsv", text.replace(",", "\t")) == wanted.replace("csv", "tsv")
    row = '{"anchor": "a", "positive": "b", "positive": "d", "negative": "c"}'
    assert told("x.jsonl", row) == "x.jsonl: line 1 has positive 2 times."
    # Of the others nothing is read, so that they may be called what they like.
    assert read("x.csv", "id,id,,,anchor,positive,negative\n1,2,,,a,b,c\n") == [("a", "b", "c")]
