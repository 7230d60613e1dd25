"""The list of wrong triplets: its order, its filters, and what is written out."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from keptresults import kept_scores, kept_triplets

from stplay.evaluations.results import Scores, Triplets
from stplay.evaluations.wrongtriplets import WrongTriplet, WrongTriplets

SENTENCES = [
    ("A cat sleeps.", "A cat rests.", "A dog runs."),
    ("Two men, one hat", 'He said "no"', "line\nbreak"),
    ("a (b) [c]", "x.y", "x+y"),
    ("ÉCOLE", "a school", "a CAT, a bus"),
    ("tie", "same", "same"),
    ("=1+1", "ten", "twenty\r\nthree"),
]
POSITIVE = [0.9, 0.2, 0.5, 0.1, 0.5, 0.25]
NEGATIVE = [0.1, 0.6, 0.75, 0.8, 0.5, 0.5]
WORST_FIRST = [3, 1, 2, 5, 4]  # two of a quarter keep the order of the data


@pytest.fixture
def triplets(tmp_path: Path) -> Triplets:
    return kept_triplets(tmp_path / "t.parquet", SENTENCES)


@pytest.fixture
def scores(tmp_path: Path) -> Scores:
    dot = {"dot_positive": NEGATIVE, "dot_negative": POSITIVE}
    return kept_scores(tmp_path / "s.parquet", POSITIVE, NEGATIVE, **dot)


def test_worst_margin_first(triplets: Triplets, scores: Scores) -> None:
    wrong = WrongTriplets(triplets, scores, "cosine")
    assert len(wrong) == 5
    assert wrong.places.tolist() == WORST_FIRST
    margins = [triplet.margin for triplet in wrong]
    assert margins == sorted(margins)
    first = wrong[0]
    assert (first.row, first.anchor, first.positive, first.negative) == (4, *SENTENCES[3])
    assert first.margin == pytest.approx(-0.7)
    assert first.positive_similarity == pytest.approx(0.1)
    assert first.negative_similarity == pytest.approx(0.8)
    assert wrong[4].margin == 0.0  # a tie is wrong


def test_the_similarity_decides(triplets: Triplets, scores: Scores) -> None:
    assert WrongTriplets(triplets, scores, "dot").places.tolist() == [0, 4]
    assert len(WrongTriplets(triplets, scores, "euclidean")) == 5


@pytest.mark.parametrize(
    ("text", "places"),
    [("cat", [3]), ("É", [3]), ("é", [3]), ("(B)", [2]), (".", [2]), ("x+", [2]), ("zz", [])],
)
def test_search(triplets: Triplets, scores: Scores, text: str, places: list[int]) -> None:
    assert WrongTriplets(triplets, scores, "cosine", text=text).places.tolist() == places


def test_wrong_here_and_right_there(triplets: Triplets, scores: Scores, tmp_path: Path) -> None:
    better = kept_scores(tmp_path / "b.parquet", [0, 1, 0, 1, 1, 0], [1, 0, 1, 0, 1, 0.5])
    found = WrongTriplets(triplets, scores, "cosine", better)
    assert found.places.tolist() == [3, 1]
    expected = ~scores.right("cosine") & better.right("cosine")
    assert sorted(found.places.tolist()) == np.flatnonzero(expected).tolist()
    found = WrongTriplets(triplets, scores, "cosine", better, "hat")
    assert found.places.tolist() == [1]
    # The margins shown stay those of the model that is wrong.
    assert found[0].margin == pytest.approx(-0.4)


def test_a_model_that_is_never_wrong(triplets: Triplets, tmp_path: Path) -> None:
    scores = kept_scores(tmp_path / "r.parquet", [1.0] * 6, [0.0] * 6)
    wrong = WrongTriplets(triplets, scores, "cosine")
    assert (len(wrong), list(wrong)) == (0, [])
    for form, text in (("jsonl", ""), ("csv", ",".join(WrongTriplet.__struct_fields__))):
        file = io.StringIO()
        wrong.write(file, form)
        assert file.getvalue().strip() == text


def test_csv_is_read_back_as_it_was(triplets: Triplets, scores: Scores, tmp_path: Path) -> None:
    wrong = WrongTriplets(triplets, scores, "cosine")
    path = tmp_path / "wrong.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        wrong.write(file, "csv")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    assert len(rows) == len(wrong)
    for row, triplet in zip(rows, wrong, strict=True):
        assert (row["anchor"], row["positive"], row["negative"]) == SENTENCES[triplet.row - 1]
        assert int(row["row"]) == triplet.row
        assert float(row["margin"]) == triplet.margin
        assert float(row["positive_similarity"]) == triplet.positive_similarity
        assert float(row["negative_similarity"]) == triplet.negative_similarity


def test_jsonl_is_read_back_as_it_was(triplets: Triplets, scores: Scores) -> None:
    wrong = WrongTriplets(triplets, scores, "cosine")
    file = io.StringIO()
    wrong.write(file, "jsonl")
    lines = file.getvalue().splitlines()
    assert "ÉCOLE" in lines[0]
    assert [WrongTriplet(**json.loads(line)) for line in lines] == list(wrong)


def test_thousands_are_sorted_at_once_and_read_one_by_one(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    sentences = [(f"anchor {n}", f"positive {n}", f"negative {n}") for n in range(6584)]
    triplets = kept_triplets(tmp_path / "many.parquet", sentences)
    scores = kept_scores(
        tmp_path / "scores.parquet", random.random(6584).tolist(), random.random(6584).tolist()
    )
    wrong = WrongTriplets(triplets, scores, "cosine")
    assert len(wrong) == int((~scores.right("cosine")).sum())
    margins = scores.margins("cosine")
    assert (np.diff(margins[wrong.places]) >= 0).all()
    for number in (0, 7, len(wrong) - 1):
        triplet = wrong[number]
        assert triplet.anchor == f"anchor {triplet.row - 1}"
        assert triplet.margin == margins[triplet.row - 1]
