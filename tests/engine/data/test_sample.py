"""The built-in sample: the same for everyone, cleanly split, and not solved by counting words."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from functools import cache

import pytest

from stplay.engine.data import sample
from stplay.engine.data.sample import SAMPLE_VERSION, SPLITS, SampleSplit, SampleTriplet, triplets

ROWS = {"train": 10_000, "dev": 1_000, "test": 1_000}
# Whoever changes what is generated raises SAMPLE_VERSION and freezes the new digests here.
FROZEN_VERSION = 1
DIGESTS = {
    "train": "38e83f835124e8f6",
    "dev": "d27ca8feb3510b0f",
    "test": "55406eb3741c7933",
}


@cache
def rows_of(split: SampleSplit) -> list[SampleTriplet]:
    return triplets(split)


def digest(rows: list[SampleTriplet]) -> str:
    lines = "\n".join("\t".join(row) for row in rows)
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def jaccard(one: str, other: str) -> float:
    return len(words(one) & words(other)) / len(words(one) | words(other))


@pytest.mark.parametrize("split", SPLITS)
def test_the_output_is_frozen(split: SampleSplit) -> None:
    assert (SAMPLE_VERSION, digest(rows_of(split))) == (FROZEN_VERSION, DIGESTS[split])


def test_another_process_with_other_hashes_gives_the_same() -> None:
    code = "from stplay.engine.data.sample import triplets; print(repr(triplets('dev')[-1]))"
    for hash_seed in ("1", "2"):
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        out = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
        assert out.strip() == repr(rows_of("dev")[-1])


def test_the_seed_decides() -> None:
    assert triplets("dev", seed=0) == rows_of("dev")
    other = triplets("dev", seed=1)
    assert len(other) == 1_000
    assert not set(other) & set(rows_of("dev"))


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(ValueError, match="no split 'validation'"):
        triplets("validation")  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("split", SPLITS)
def test_counts_and_distinctness(split: SampleSplit) -> None:
    rows = rows_of(split)
    assert len(rows) == len(set(rows)) == len({row.anchor for row in rows}) == ROWS[split]
    assert all(len(set(row)) == 3 for row in rows)
    for column in zip(*rows, strict=True):
        assert len(set(column)) > 0.85 * len(rows)


def test_no_sentence_is_in_two_splits() -> None:
    sentences = [{text for row in rows_of(split) for text in row} for split in SPLITS]
    assert sum(map(len, sentences)) == len(set.union(*sentences))


@pytest.mark.parametrize("split", SPLITS)
def test_shared_words_do_not_tell_the_positive(split: SampleSplit) -> None:
    rows = rows_of(split)
    hits = sum(
        jaccard(row.anchor, row.positive) > jaccard(row.anchor, row.negative) for row in rows
    )
    assert 0.45 < hits / len(rows) < 0.55  # a tie counts as wrong
    shared = [
        sum(len(words(row.anchor) & words(row[column])) for row in rows) / len(rows)
        for column in (1, 2)
    ]
    assert shared[0] == pytest.approx(shared[1], rel=0.05)
    lengths = [sum(len(row[column].split()) for row in rows) / len(rows) for column in (1, 2)]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.1)


def test_every_sentence_is_well_formed() -> None:
    many = "two|three|four|five|some|several"
    wrong = re.compile(
        r"[\[\]|()]|  | ,|\ba [aeio]|\ban [^aeio]"  # leftover notation, spaces, articles
        rf"|^({many}) [^,]*\bis\b|^(a|an) [^,]*\bare\b",  # agreement
        re.IGNORECASE,
    )
    for split in SPLITS:
        for row in rows_of(split):
            for text in row:
                assert re.fullmatch(r"[A-Z][a-z, ]+[a-z]\.", text), text
                assert not wrong.search(text), text


@pytest.mark.parametrize(
    ("deed", "doing", "does"),
    [
        ("ride a bike", "riding a bike", "rides a bike"),
        ("run", "running", "runs"),
        ("lie asleep", "lying asleep", "lies asleep"),
        ("wash windows", "washing windows", "washes windows"),
        ("empty a bowl", "emptying a bowl", "empties a bowl"),
        ("play chess", "playing chess", "plays chess"),
        ("go on foot", "going on foot", "goes on foot"),
    ],
)
def test_verbs_are_inflected(deed: str, doing: str, does: str) -> None:
    assert (sample.inflect(deed, "ing"), sample.inflect(deed, "s")) == (doing, does)


def test_every_kind_names_known_places() -> None:
    for kind in sample.DEEDS + sample.HABITS:
        assert kind.actions
        assert set(kind.places) <= set(sample.PLACES)


def test_importing_it_pulls_in_nothing_heavy() -> None:
    heavy = {"torch", "numpy", "datasets"}
    code = f"import sys, stplay.engine.data.sample; print(*{heavy} & {{*sys.modules}})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""
