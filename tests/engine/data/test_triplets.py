"""Triplets from files: every format, and every way in which a file can be wrong."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from stplay.engine.data.triplets import COLUMNS, Split, first_rows, load_split
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.eventlog import EventReader, EventWriter
from stplay.jobs.events import StageProgressed

Triplet = tuple[object, ...]
SILENT = Stages(EventWriter(Path(os.devnull)))

# What sentences can hold: quotes, separators, line ends, controls, right-to-left, emoji, no ASCII.
TRIPLETS: list[Triplet] = [
    ("A man, a plan.", 'He said "go".', "Nobody\tcame."),
    ("two\nlines", " kept spaces ", "\x1b[31mred\x07"),
    ("שלום", "\u202eabc\u200d", "👩‍🚀 ﷽ é"),
    ('"', ",", "a\u2028b\x85c"),
]


def write(path: Path, rows: Iterable[Triplet], columns: Iterable[str] = COLUMNS) -> Path:
    """The rows as a file of the kind that its name says."""
    tables = [dict(zip(columns, row, strict=True)) for row in rows]
    if path.suffix in (".jsonl", ".json"):
        path.write_text("".join(json.dumps(table) + "\n" for table in tables), encoding="utf-8")
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(tables), path)
    elif path.suffix == ".tsv":
        lines = ("\t".join(map(str, cells)) for cells in (tuple(columns), *rows))
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="")
    else:
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(columns)
            writer.writerows(table.values() for table in tables)
    return path


def fit(rows: Iterable[Triplet], suffix: str) -> list[Triplet]:
    """The rows as a file of this kind can hold them: without quotes there are no tabs in cells."""
    if suffix != ".tsv":
        return list(rows)
    return [tuple(" ".join(re.split(r"[\t\r\n]", str(cell))) for cell in row) for row in rows]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Split]:
    def load(path: Path | str, split: str = "train", rows: int | None = None) -> Split:
        stages = Stages(EventWriter(tmp_path / "events"), seconds=0)
        return load_split(str(path), split, rows, stages)  # pyright: ignore[reportArgumentType]

    return load


def triplets(split: Split) -> list[Triplet]:
    return list(zip(*(split.triplets[column] for column in COLUMNS), strict=True))


def sentence(load: Callable[..., Split], path: Path, split: str = "train") -> str:
    """The one sentence that loading ends with; the preview of the file says the same."""
    with pytest.raises(UserError) as raised:
        load(path, split)
    told = raised.value.sentence
    if split == "train":
        with pytest.raises(UserError) as raised:
            first_rows(str(path), None, 5, SILENT)
        assert raised.value.sentence == told
    assert str(path) in told or f"{path.stem}-{split}" in told
    assert "\n" not in str(raised.value)
    return told


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet"])
def test_every_format_gives_the_same_split(suffix: str, tmp_path: Path, load) -> None:
    rows = fit(TRIPLETS, suffix)
    path = write(tmp_path / f"some{suffix}", rows)
    split = load(path)
    assert triplets(split) == rows
    assert split.triplets.column_names == list(COLUMNS)
    assert (split.name, split.skipped, split.synthetic) == ("some-train", 0, False)
    assert triplets(load(path, "dev", 2)) == rows[:2]
    assert triplets(load(path, "test", 100)) == rows
    # Other columns and another order change nothing.
    more = [(number, *reversed(row), "rest") for number, row in enumerate(rows)]
    write(path, more, ("id", *reversed(COLUMNS), "label"))
    assert triplets(load(path)) == rows
    found = first_rows(str(path), None, 3, SILENT)
    assert (found.triplets, found.rows, found.skipped) == (rows[:3], 4, 0)
    assert first_rows(str(path), 2, 3, SILENT).triplets == rows[:2]
    assert first_rows(str(path), 2, 3, SILENT).rows == 2


def test_a_folder_holds_one_file_per_split(tmp_path: Path, load) -> None:
    folder = tmp_path / "nli"
    folder.mkdir()
    for row, name in zip(TRIPLETS, ("train.tsv", "validation.jsonl", "test.csv"), strict=False):
        write(folder / name, fit([row], name[-4:]))
    assert [triplets(load(folder, split)) for split in ("train", "dev", "test")] == [
        fit(TRIPLETS[:1], ".tsv"),
        *([row] for row in TRIPLETS[1:3]),
    ]
    assert load(folder, "dev").name == "nli-dev"
    assert load(folder / "validation.jsonl", "dev").name == "nli-dev"
    write(folder / "dev.parquet", [TRIPLETS[3]])
    assert triplets(load(folder, "dev")) == [TRIPLETS[3]]
    (folder / "test.csv").unlink()
    told = sentence(load, folder, "test")
    assert told.endswith(
        "has no file for test (test.jsonl, test.json, test.csv, test.tsv, test.parquet); it has "
        "dev, train, validation."
    )


def test_rows_with_an_empty_sentence_are_left_out_and_counted(tmp_path: Path, load) -> None:
    rows = [("a", "b", "c"), ("", "b", "c"), ("a", " \u3000", "c"), ("d", "e", "f")]
    for suffix in (".jsonl", ".csv", ".tsv", ".parquet"):
        split = load(write(tmp_path / f"some{suffix}", rows))
        assert triplets(split) == [rows[0], rows[3]]
        assert split.skipped == 2
        found = first_rows(str(tmp_path / f"some{suffix}"), None, 5, SILENT)
        assert (found.triplets, found.rows, found.skipped) == ([rows[0], rows[3]], 2, 2)
    for suffix in (".jsonl", ".parquet"):
        nulls = write(tmp_path / f"null{suffix}", [("a", "b", "c"), ("a", None, "c")])
        assert load(nulls).skipped == 1
    # The limit counts rows, so that the same rows are meant whatever is in them.
    assert load(tmp_path / "some.jsonl", rows=2).skipped == 1
    path = write(tmp_path / "only.jsonl", [("a", "", "c")])
    assert "has no rows for train" in sentence(load, path)


def test_one_row_is_enough_and_none_is_not(tmp_path: Path, load) -> None:
    for suffix in (".jsonl", ".csv", ".tsv", ".parquet"):
        rows = fit(TRIPLETS[:1], suffix)
        path = write(tmp_path / f"some{suffix}", rows)
        assert triplets(load(path)) == rows
        if suffix == ".parquet":
            pq.write_table(pq.read_table(path)[:0], path)
        else:
            write(path, [])  # the header alone, where there is one
        told = "is empty." if suffix == ".jsonl" else "has no rows for train"
        assert told in sentence(load, path)
        for nothing in (b"", b"\xef\xbb\xbf")[: 1 if suffix == ".parquet" else 2]:
            path.write_bytes(nothing)
            assert sentence(load, path) == f"{path} is empty."


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".tsv", ".parquet"])
def test_a_missing_column_is_named_with_those_there_are(suffix: str, tmp_path: Path, load) -> None:
    path = write(tmp_path / f"some{suffix}", [("a", "b")], ("anchor", "negativ\x1b"))
    told = sentence(load, path)
    assert "lacks the columns positive, negative; it has anchor, negativ\ufffd." in told
    path = write(tmp_path / f"one{suffix}", [("a", "b")], ("anchor", "negative"))
    assert "lacks the column positive; it has anchor, negative." in sentence(load, path)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 3 is not JSON: Expecting property name enclosed in double quotes (column 2)."),
        ("anchor", "line 3 is not JSON: Expecting value (column 1)."),
        pytest.param(
            '{"a":' + "[" * 100_000 + "]" * 100_000 + "}",
            "line 3 is not JSON that can be read: it is nested too deep.",
            id="deep",
        ),
        ('["a", "b", "c"]', "line 3 is not a JSON object with named columns."),
        ("null", "line 3 is not a JSON object"),
        ('{"anchor": "a", "negative": "b"}', "line 3 lacks the column positive; it has anchor"),
        ('{"anchor": "a", "positive": 7, "negative": "c"}', "row 2 has 7 as its positive;"),
        ('{"anchor": ["a"], "positive": "b", "negative": "c"}', "row 2 has ['a'] as its anchor;"),
        (r'{"anchor": "a", "positive": "b", "negative": "\ud83d"}', r"row 2 has '\ud83d' as its"),
    ],
)
def test_a_wrong_line_is_named(line: str, told: str, tmp_path: Path, load) -> None:
    path = write(tmp_path / "some.jsonl", TRIPLETS[:1])
    # The blank line counts as a line and not as a row.
    path.write_text(f"{path.read_text()}\n{line}\n", encoding="utf-8")
    assert told in sentence(load, path)


def test_numbers_instead_of_sentences(tmp_path: Path, load) -> None:
    path = write(tmp_path / "some.parquet", [("a", "b", 1), ("a", "b", 2)])
    assert "some-train: row 1 has 1 as its negative; a sentence is needed" in sentence(load, path)
    # In text files everything is text.
    assert triplets(load(write(tmp_path / "some.csv", [("1", "2", "3")]))) == [("1", "2", "3")]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_rows_that_do_not_fit_the_header_are_refused(suffix: str, tmp_path: Path, load) -> None:
    path = tmp_path / f"some{suffix}"
    mark = "," if suffix == ".csv" else "\t"

    def lines(*rows: str) -> Path:
        text = "\n".join(("anchor,positive,negative", "a,b,c", *rows, "d,e,f", ""))
        path.write_text(text.replace(",", mark), encoding="utf-8")
        return path

    # A comma that is not quoted would shift every sentence by one.
    assert f"{path}: line 3 has more fields than the first line" in sentence(
        load, lines("a, b,c,d")
    )
    assert f"{path}: line 3 has fewer fields than the first line" in sentence(load, lines("a,b"))
    if suffix == ".tsv":
        return
    # A stray quote would swallow the lines up to the next one.
    assert f"{path}: line 3 is damaged" in sentence(load, lines('"a" b,c,d'))
    assert "is damaged: unexpected end of data." in sentence(load, lines('"a,c,d'))
    assert triplets(load(lines("", 'x "y" z,"p ""q""",r'))) == [
        ("a", "b", "c"),
        ('x "y" z', 'p "q"', "r"),
        ("d", "e", "f"),
    ]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_long_sentence_is_no_damage(suffix: str, tmp_path: Path, load) -> None:
    rows: list[Triplet] = [("a " * 100_000, "b", "c"), ("a", "b\n" * 100_000, '"' * 200_000)]
    rows = fit(rows, suffix)
    assert triplets(load(write(tmp_path / f"some{suffix}", rows))) == rows


def test_a_field_beyond_all_measure_is_told(
    tmp_path: Path, load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stplay.engine.data.tables.MOST_FIELD", 1000)
    path = write(tmp_path / "some.csv", [("a", "b", "c"), ("a", "b", "c" * 1001)])
    told = f"{path}: line 3 has a field of more than 1,000 characters, or a quote above it is never"
    assert told in sentence(load, path)


def test_a_long_number_beside_the_sentences_is_no_damage(tmp_path: Path, load) -> None:
    path = tmp_path / "some.jsonl"
    path.write_text(f'{{"anchor":"a","positive":"b","negative":"c","id":{"9" * 5000}}}\n')
    assert triplets(load(path)) == [("a", "b", "c")]


def test_parquet_text_of_another_encoding(tmp_path: Path, load) -> None:
    ends = (0).to_bytes(4, "little") + (1).to_bytes(4, "little")
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(ends), pa.py_buffer(b"\xff")])
    good = pa.array(["b"])
    path = tmp_path / "some.parquet"
    pq.write_table(pa.table({"anchor": bad, "positive": good, "negative": good}), path)
    assert sentence(load, path) == f"{path} has text that is not UTF-8."


def test_text_of_another_encoding_and_a_byte_order_mark(tmp_path: Path, load) -> None:
    rows = [("a", "b", "c"), ("é", "e", "f")]
    for suffix in (".jsonl", ".csv", ".tsv"):
        path = write(tmp_path / f"some{suffix}", rows)
        if suffix == ".jsonl":
            path.write_text(path.read_text().replace(r"\u00e9", "é"), encoding="utf-8")
        good = path.read_bytes()
        path.write_bytes(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n"))
        assert triplets(load(path)) == rows
        path.write_bytes(good.replace("é".encode(), b"\xe9"))
        line = 2 if suffix == ".jsonl" else 3
        assert f"{path}: line {line} is not UTF-8 text; convert the file" in sentence(load, path)
        path.write_bytes(good.decode().encode("utf-16"))
        assert triplets(load(path)) == rows


def test_a_damaged_parquet_file(tmp_path: Path, load) -> None:
    path = write(tmp_path / "some.parquet", [(f"{n} " * 9, "b", "c") for n in range(5000)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert f"{path} is damaged: Parquet magic bytes not found" in sentence(load, path)
    path.write_bytes(b"anchor,positive,negative\na,b,c\n")
    assert f"{path} is damaged" in sentence(load, path)
    path.write_bytes(whole[:1000] + bytes(2000) + whole[3000:])
    assert f"{path} is damaged" in sentence(load, path)


def test_a_file_that_cannot_be_read(tmp_path: Path, load) -> None:
    path = tmp_path / "loop.jsonl"
    (tmp_path / "other.jsonl").symlink_to(path)
    path.symlink_to("other.jsonl")
    folder = tmp_path / "nli"
    folder.mkdir()
    (folder / "train.jsonl").mkdir()
    with pytest.raises(UserError, match=r"There is no data file or folder"):
        load(path)
    assert "has no file for train" in sentence(load, folder)


def test_reading_tells_how_far_it_is(tmp_path: Path, load) -> None:
    path = write(tmp_path / "some.parquet", [("a", "b", "c")] * 2500)
    load(path, "dev", 2200)
    events = EventReader(tmp_path / "events").read()
    told = [(e.stage, e.done, e.total, e.unit) for e in events if isinstance(e, StageProgressed)]
    assert told == [
        ("reading some-dev", 0, None, ""),
        ("reading some-dev", 1000, 2200, "rows"),
        ("reading some-dev", 2000, 2200, "rows"),
        ("reading some-dev", 2200, 2200, "rows"),
    ]
