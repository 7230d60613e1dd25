"""Accuracies by length and by source, and the histogram of margins."""

from __future__ import annotations

import numpy as np
import pytest

from stplay.evaluations.breakdown import by_length, by_source, histogram

RANDOM = np.random.default_rng(4)


def test_lengths_part_the_triplets() -> None:
    words = RANDOM.integers(3, 30, 1000)
    right = RANDOM.random(1000) < 0.8
    groups = by_length(words, [right, ~right])
    assert len(groups) == 4
    assert sum(group.rows for group in groups) == 1000
    assert all(150 < group.rows < 350 for group in groups)
    assert sum(group.accuracies[0].right for group in groups) == right.sum()
    assert sum(group.accuracies[1].right for group in groups) == (~right).sum()
    assert groups[0].name.startswith("3 to ")
    assert groups[-1].name.endswith(" to 29 words")
    bounds = [name.split() for name in (group.name for group in groups)]
    highs, lows = [int(bound[2]) for bound in bounds], [int(bound[0]) for bound in bounds]
    assert lows[1:] == [high + 1 for high in highs[:-1]]


def test_each_length_group_has_its_own_accuracy() -> None:
    words = np.array([2, 2, 3, 3, 8, 8, 9, 9])
    right = np.array([True, True, True, False, False, False, True, False])
    groups = by_length(words, [right])
    assert [(group.name, group.rows, group.accuracies[0].value) for group in groups] == [
        ("2 words", 2, 1.0),
        ("3 words", 2, 0.5),
        ("4 to 8 words", 2, 0.0),
        ("9 words", 2, 0.5),
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([5], ["5 words"]),
        ([1, 1, 1], ["1 word"]),
        ([7] * 50, ["7 words"]),
        ([1] * 99 + [500], ["1 word", "2 to 500 words"]),
        ([0, 4], ["0 words", "1 to 4 words"]),
    ],
)
def test_few_lengths_make_few_groups(words: list[int], names: list[str]) -> None:
    groups = by_length(np.array(words), [np.ones(len(words), bool)])
    assert [group.name for group in groups] == names
    assert sum(group.rows for group in groups) == len(words)
    assert all(group.accuracies[0].value == 1.0 for group in groups)


def test_sources_the_largest_first() -> None:
    sources = np.array(["mnli", "snli", "snli", "", "snli", "mnli"])
    right = np.array([True, True, False, True, False, False])
    found = by_source(sources, [right])
    assert [(group.name, group.rows, group.accuracies[0].right) for group in found] == [
        ("snli", 3, 1),
        ("mnli", 2, 1),
        ("no source", 1, 1),
    ]


def test_data_without_a_source_has_no_such_table() -> None:
    assert by_source(np.array(["", "", ""]), [np.ones(3, bool)]) == []


def test_many_sources_are_put_together() -> None:
    sources = np.array([f"genre {number:03}" for number in range(40) for _ in range(40 - number)])
    right = RANDOM.random(len(sources)) < 0.5
    found = by_source(sources, [right])
    assert len(found) == 13
    assert [group.rows for group in found[:3]] == [40, 39, 38]
    assert found[-1].name == "28 others"
    assert sum(group.rows for group in found) == len(sources)
    assert sum(group.accuracies[0].right for group in found) == right.sum()


@pytest.mark.parametrize(
    "margins",
    [
        RANDOM.normal(0.2, 0.2, 5000),
        RANDOM.normal(80, 60, 333),
        RANDOM.random(100) + 5,
        -RANDOM.random(100) - 5,
        np.array([1e-7, -1e-7]),
        np.array([0.0]),
        np.zeros(9),
        np.array([-1.0, 1.0]),
        np.array([0.3]),
        np.array([-0.7, -0.7]),
        np.array([0.5, 1.0, 0.1, 0.2, -0.1, 0.30000001]),
    ],
    ids=lambda margins: f"{len(margins)}-{margins[0]:.2g}",
)
def test_histogram(margins: np.ndarray) -> None:
    margins = margins.astype(np.float32)
    bins = histogram(margins)
    assert sum(each.rows for each in bins) == len(margins)
    assert any(each.low == 0 or each.high == 0 for each in bins)
    assert len(bins) <= 19
    assert [each.high for each in bins[:-1]] == [each.low for each in bins[1:]]
    # No bin mixes right with wrong: those above 0 hold all that are right, and the ties.
    above = sum(each.rows for each in bins if each.low >= 0)
    assert above == int((margins >= 0).sum())
    widths = {float(f"{each.high - each.low:.6g}") for each in bins}
    assert len(widths) == 1
    assert f"{widths.pop():e}"[0] in "125"
