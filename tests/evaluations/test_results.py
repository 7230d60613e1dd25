"""The files behind an evaluation: triplets and scores as they are read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from keptresults import kept_scores, kept_triplets, summary_of

from stplay.evaluations.results import (
    METRICS,
)
from stplay.similarities import SIMILARITIES


def test_triplets_are_read_back(tmp_path: Path) -> None:
    triplets = kept_triplets(
        tmp_path / "t.parquet", [("a", "b\nc", 'd,"e"', "snli"), ("ä", "ö", "", "")]
    )
    assert len(triplets) == 2
    assert triplets.sentences(0) == ("a", "b\nc", 'd,"e"')
    assert triplets.sentences(1) == ("ä", "ö", "")
    assert triplets.rows.tolist() == [1, 2]
    assert triplets.sources.tolist() == ["snli", ""]


@pytest.mark.parametrize(
    ("triplet", "words"),
    [
        (("one two three", "one", "one two"), 3),
        (("one", "one two three four", "one"), 4),
        (("one", "one", "one two"), 2),
        (("  one   two ", "one", "one"), 2),
        (("one\ttwo\nthree\N{NO-BREAK SPACE}four", "one", "one"), 4),
        (("één twee", "één", "één"), 2),
    ],
)
def test_words_are_those_of_the_longest_sentence(
    tmp_path: Path, triplet: tuple[str, str, str], words: int
) -> None:
    triplets = kept_triplets(tmp_path / "t.parquet", [triplet, ("one", "one", "one")])
    assert triplets.words.tolist() == [words, 1]
    assert words == max(len(sentence.split()) for sentence in triplet)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("cat", [0, 1]),
        ("CAT", [0, 1]),
        ("dOg", [0]),
        ("École", [1]),
        ("éCOLE", [1]),
        ("a.m", [2]),
        (".*", []),
        ("(", [2]),
        ("\\", []),
        ("%", []),
        ("cats and", []),
        ("\udcff", []),
    ],
)
def test_containing_takes_text_as_it_is_in_any_case(
    tmp_path: Path, text: str, found: list[int]
) -> None:
    triplets = kept_triplets(
        tmp_path / "t.parquet",
        [
            ("A Cat sleeps.", "cats", "A DOG"),
            ("une école", "a catalogue", "x"),
            ("at 9 a.m. (sharp)", "y", "adm"),
        ],
    )
    assert np.flatnonzero(triplets.containing(text)).tolist() == found


def test_right_is_nearer_and_a_tie_is_wrong(tmp_path: Path) -> None:
    scores = kept_scores(
        tmp_path / "s.parquet",
        [0.5, 0.5, 0.4, -3.0],
        [0.4, 0.5, 0.5, -4.0],
        dot_positive=[1.0, 2.0, 3.0, 4.0],
        dot_negative=[2.0, 1.0, 3.0, 3.5],
    )
    for name in SIMILARITIES:
        expected = [True, False, False, True] if name != "dot" else [False, True, False, True]
        assert scores.right(name).tolist() == expected
    assert scores.margins("cosine") == pytest.approx([0.1, 0.0, -0.1, 1.0], abs=1e-6)
    assert scores.margins("dot").tolist() == [-1.0, 1.0, 0.0, 0.5]
    assert scores.positive("dot").tolist() == [1.0, 2.0, 3.0, 4.0]
    assert scores.negative("dot").tolist() == [2.0, 1.0, 3.0, 3.5]


def test_lines_have_the_keys_of_the_command(tmp_path: Path) -> None:
    summary = summary_of(["a", "b"])
    lines = summary.lines()
    assert [line["model"] for line in lines] == ["a", "b"]
    names = [key for metric in METRICS for key in (metric, f"{metric}_interval")]
    assert list(lines[0]) == ["model", "data", "split", "rows", "precision", *names]
    assert lines[0]["cosine_accuracy"] == 0.75
    assert lines[0]["max_accuracy_interval"] == [0.3, 0.95]


def test_only_models_with_figures_are_rated() -> None:
    summary = summary_of(["a", "b"])
    summary.models[0].error = "It broke."
    assert [model.name for model in summary.rated()] == ["b"]
    assert summary.result("b", "dev") is summary.results[1]
    assert summary.result("b", "test") is None
    assert summary.result("c", "dev") is None
