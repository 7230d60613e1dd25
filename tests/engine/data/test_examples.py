"""Rows with one negative, several or none, in every way in which files have them."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from stplay.engine.data import fingerprints
from stplay.engine.data.examples import Shape
from stplay.engine.data.triplets import ReadSplit, first_rows, open_split, read_split
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.sources.datasources import OwnNames

SILENT = Stages(EventWriter(Path(os.devnull)))
BGE: list[dict[str, Any]] = [
    {"query": "q1", "pos": ["p1", "p2"], "neg": ["n1", "n2", "n3"], "id": 7},
    {"query": "q2", "pos": ["p3"], "neg": ["n4", None, "n5", " "]},
    {"query": "q3", "pos": ["p4"], "neg": ["n6"]},
    {"query": "q4", "pos": [], "neg": ["n7", "n8"]},
    {"query": "q5", "pos": [None, "p5"], "neg": None},
]
BGE_ROWS = [("q1", "p1", "n1", "n2"), ("q1", "p2", "n1", "n2"), ("q2", "p3", "n4", "n5")]
BGE_SAID = [
    "query is the anchor",
    "pos is the positive",
    "neg is the negative",
    "rows with fewer than 2 negatives are left out (2)",
    "negatives beyond 2 a row are left out (2)",
]
EMPTY = "rows with an empty sentence are left out (1)"
PAIRS = "the rows have no negatives: each anchor's are the positives of the others"


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """The rows as a file of the kind that its name says."""
    if path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(list(rows)))
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
    return path


def read(path: Path, columns: OwnNames | None = None) -> ReadSplit:
    """The rows of a file; what a form shows of it is the same."""
    found = read_split(str(path), "train", None, SILENT, columns)
    first = first_rows(str(path), None, 2, SILENT, columns)
    for shown, row in zip(first.triplets, rows(found)[:2], strict=True):
        assert shown[: len(row)] == row
    assert (first.rows, first.negatives) == (len(found.rows), found.shape.negatives)
    for each in first.remarks:
        assert each in " ".join(found.remarks)
    assert first.skipped == found.skipped
    return found


def rows(split: ReadSplit) -> list[tuple[str, ...]]:
    return [(row.anchor, row.positive, *row.negatives) for row in split.rows]


def refused(path: Path, *, triplets: bool = False) -> str:
    with pytest.raises(UserError) as raised:
        for _ in open_split(str(path), "train", None, SILENT, triplets=triplets).rows:
            pass
    return raised.value.sentence


@pytest.mark.parametrize(
    ("counts", "shape"),
    [
        ({1: 10}, Shape(1)),
        ({0: 10}, Shape(0)),
        ({0: 9, 1: 1}, Shape(1, short=9)),
        ({5: 8, 4: 1, 15: 1}, Shape(5, short=1, beyond=10)),
        ({1: 5, 2: 4}, Shape(1, beyond=4)),
        ({1: 1, 2: 1}, Shape(1, beyond=1)),  # two keep as many negatives, and this one more rows
    ],
)
def test_the_shape_keeps_the_most_negatives(counts: dict[int, int], shape: Shape) -> None:
    assert Shape.of(counts) == shape
    assert Shape.of(dict(reversed(counts.items()))) == shape


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".parquet"])
def test_lists_of_positives_and_negatives(suffix: str, tmp_path: Path) -> None:
    split = read(write(tmp_path / f"bge{suffix}", BGE))
    assert rows(split) == BGE_ROWS
    assert (split.shape, split.skipped) == (Shape(2, short=2, beyond=2), 1)
    assert split.remarks == [
        f"Of bge-train, {', '.join(said)}." for said in (BGE_SAID[:3], [*BGE_SAID[3:], EMPTY])
    ]
    loaded = split.load()
    assert loaded.columns == ["anchor", "positive", "negative_1", "negative_2"]
    assert loaded.negatives == 2
    assert [tuple(row.values()) for row in loaded.triplets.to_list()] == BGE_ROWS


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_negatives_in_columns_of_their_own(suffix: str, tmp_path: Path) -> None:
    given = [
        {"anchor": "a", "positive": "b", "negative_1": "c", "negative_2": "d", "negative_3": "e"},
        {"anchor": "f", "positive": "g", "negative_1": "h", "negative_2": "", "negative_3": "i"},
        {"anchor": "j", "positive": "k", "negative_1": "l", "negative_2": "", "negative_3": ""},
    ]
    if suffix == ".jsonl":  # where a row may do without a column
        given = [{name: text for name, text in row.items() if text} for row in given]
    path = write(tmp_path / f"x{suffix}", given)
    split = read(path)
    assert rows(split) == [("a", "b", "c", "d"), ("f", "g", "h", "i")]
    assert split.shape == Shape(2, short=1, beyond=1)
    split = read(path, {"negative": "negative_1"})
    assert rows(split) == [("a", "b", "c"), ("f", "g", "h"), ("j", "k", "l")]
    assert split.remarks == []
    assert split.load().columns == ["anchor", "positive", "negative"]


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_pairs(suffix: str, tmp_path: Path) -> None:
    given = [{"query": f"q{n}", "positive": f"p{n}", "label": "x"} for n in range(3)]
    path = write(tmp_path / f"pairs{suffix}", given)
    split = read(path)
    assert rows(split) == [("q0", "p0"), ("q1", "p1"), ("q2", "p2")]
    assert split.remarks == [
        "Of pairs-train, query is the anchor, its other columns are not taken (label).",
        f"Of pairs-train, {PAIRS}.",
    ]
    assert split.load().columns == ["anchor", "positive"]
    assert "and of pairs no triplets can be made" in refused(path, triplets=True)


@pytest.mark.parametrize("empty", [[], [None], None, ["", " "]])
def test_where_all_lists_are_empty_the_rows_are_pairs(empty: object, tmp_path: Path) -> None:
    given = [{"anchor": "a", "positive": "b", "negative": empty}] * 2
    path = write(tmp_path / "x.jsonl", given)
    split = read(path)
    assert rows(split) == [("a", "b"), ("a", "b")]
    assert split.remarks == [f"Of x-train, {PAIRS}."]
    assert "has no triplets for train; each row needs a non-empty anchor, positive and neg" in (
        refused(path, triplets=True)
    )
    # One that is not makes them triplets, wherever it stands.
    more = write(tmp_path / "y.jsonl", [*given, {"anchor": "a", "positive": "b", "neg": ["c"]}])
    split = read(more)
    assert rows(split) == [("a", "b", "c")]
    assert "Of y-train, rows with no negative are left out (2)." in split.remarks


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"negative": ["c", 7]}, "row 1 has 7 as its negative; a sentence is needed there."),
        ({"negative": [["c"]]}, "row 1 has ['c'] as its negative;"),
        ({"positive": [{"text": "b"}]}, "row 1 has {'text': 'b'} as its positive;"),
        ({"anchor": ["a"]}, "row 1 has ['a'] as its anchor;"),
        ({"negative": {"text": "c" * 99}}, "row 1 has {'text': '" + "c" * 49 + "… as its negative"),
    ],
)
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_what_is_no_text_in_a_list_is_told(
    row: dict[str, Any], told: str, suffix: str, tmp_path: Path
) -> None:
    if suffix == ".parquet" and row == {"negative": ["c", 7]}:
        row = {"negative": [7]}  # there all of a list are of one kind
    path = write(tmp_path / f"x{suffix}", [{"anchor": "a", "positive": "b", "negative": "c"} | row])
    assert told in refused(path)


def test_rows_of_other_shapes_have_other_fingerprints(tmp_path: Path) -> None:
    texts = [f"{number}" for number in range(12)]
    shapes = {
        "pairs": [
            {"anchor": a, "positive": b} for a, b in zip(texts[::2], texts[1::2], strict=True)
        ],
        "triplets": [
            dict(zip(("anchor", "positive", "negative"), texts[at : at + 3], strict=True))
            for at in range(0, 12, 3)
        ],
        "several": [
            {"anchor": texts[at], "positive": texts[at + 1], "neg": texts[at + 2 : at + 4]}
            for at in range(0, 12, 4)
        ],
    }
    found = {
        name: fingerprints.of_rows(read(write(tmp_path / f"{name}.jsonl", shape)).load())
        for name, shape in shapes.items()
    }
    assert len({*found.values()}) == 3
    # As it was before there were other shapes: runs that began then can go on.
    assert found["triplets"] == "89cb1fbc27b9eaa7442a7c028b461302b24cc0e2137a530b982894e77836a676"
