"""Intervals and paired tests against published and hand-computed values."""

from __future__ import annotations

from math import comb, sqrt

import numpy as np
import pytest

from stplay.evaluations.significance import accuracy, compare, p_words

Z = 1.959963984540054  # the standard normal's 97.5 % point


def wilson(right: int, rows: int) -> tuple[float, float]:
    """Wilson's formula as printed in 1927 and in every textbook."""
    share = right / rows
    middle = (share + Z * Z / (2 * rows)) / (1 + Z * Z / rows)
    half = Z / (1 + Z * Z / rows) * sqrt(share * (1 - share) / rows + Z * Z / (4 * rows * rows))
    return middle - half, middle + half


def exact(a_better: int, b_better: int) -> float:
    """McNemar's exact test by counting coins: twice the smaller tail."""
    coins = a_better + b_better
    tail = sum(comb(coins, heads) for heads in range(min(a_better, b_better) + 1))
    return min(1.0, 2 * tail / 2**coins)


def judged(a_better: int, b_better: int, both: int = 7, neither: int = 5):
    """What two models get right, by how many of each kind there are."""
    a = [True] * a_better + [False] * b_better + [True] * both + [False] * neither
    b = [False] * a_better + [True] * b_better + [True] * both + [False] * neither
    return np.array(a), np.array(b)


@pytest.mark.parametrize(
    ("right", "rows", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),  # Newcombe 1998, Statistics in Medicine 17, table I, method 3
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_interval_of_newcombes_table(right: int, rows: int, low: float, high: float) -> None:
    found = accuracy(right, rows)
    assert found.right == right
    assert found.value == right / rows
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("right", "rows"), [(0, 1), (1, 1), (1, 2), (5, 10), (948, 1000), (1000, 1000), (6200, 6584)]
)
def test_interval_equals_wilsons_formula(right: int, rows: int) -> None:
    found = accuracy(right, rows)
    assert (found.low, found.high) == pytest.approx(wilson(right, rows), abs=1e-12)
    assert 0 <= found.low <= found.value <= found.high <= 1


@pytest.mark.parametrize(
    ("a_better", "b_better"),
    [(0, 1), (1, 0), (3, 3), (0, 5), (0, 6), (12, 41), (41, 12), (100, 140), (300, 301)],
)
def test_p_is_that_of_counting_coins(a_better: int, b_better: int) -> None:
    found = compare(*judged(a_better, b_better))
    assert (found.a_better, found.b_better) == (a_better, b_better)
    assert found.p == pytest.approx(exact(a_better, b_better), rel=1e-9)


def test_known_values() -> None:
    # By hand: 2 * (1/2)^5 and 2 * (1/2)^6; the latter is the first that can be told apart.
    assert compare(*judged(0, 5)).p == pytest.approx(0.0625)
    assert not compare(*judged(0, 5)).different
    assert compare(*judged(0, 6)).p == pytest.approx(0.03125)
    assert compare(*judged(0, 6)).different
    # Agresti, Categorical Data Analysis, the two surveys of a prime minister: z = -4.17.
    assert compare(*judged(86, 150)).p == pytest.approx(3.7e-5, rel=0.05)


def test_only_triplets_that_differ_count() -> None:
    few, many = judged(4, 9, both=1, neither=0), judged(4, 9, both=900, neither=90)
    assert compare(*few) == compare(*many)
    a, b = judged(4, 9)
    turned = compare(b, a)
    assert (turned.a_better, turned.b_better) == (9, 4)
    assert turned.p == pytest.approx(compare(a, b).p)


def test_models_that_judge_alike() -> None:
    same = compare(*judged(0, 0))
    assert (same.p, same.different) == (1.0, False)
    assert same.words("A", "B") == "A and B judge every triplet alike"


@pytest.mark.parametrize(
    ("a_better", "b_better", "words"),
    [
        (
            12,
            41,
            "B is better on 41 triplets, A on 12: unlikely to be chance (p = 0.00008)",
        ),
        (
            41,
            12,
            "A is better on 41 triplets, B on 12: unlikely to be chance (p = 0.00008)",
        ),
        (
            1200,
            2400,
            "B is better on 2,400 triplets, A on 1,200: unlikely to be chance (p < 0.00001)",
        ),
        (
            3,
            5,
            "A and B cannot be told apart: B is better on 5 triplets, A on 3 (p = 0.73)",
        ),
        (
            1,
            0,
            "A and B cannot be told apart: A is better on 1 triplet, B on 0 (p = 1.00)",
        ),
        (0, 5, "A and B cannot be told apart: B is better on 5 triplets, A on 0 (p = 0.062)"),
    ],
)
def test_words(a_better: int, b_better: int, words: str) -> None:
    assert compare(*judged(a_better, b_better)).words("A", "B") == words


@pytest.mark.parametrize(
    ("p", "words"),
    [
        (1.0, "p = 1.00"),
        (0.8463, "p = 0.85"),
        (0.1, "p = 0.10"),
        (0.049, "p = 0.049"),
        (0.0123, "p = 0.012"),
        (0.00092, "p = 0.0009"),
        (0.000088, "p = 0.00009"),
        (0.000010, "p = 0.00001"),
        (0.0000099, "p < 0.00001"),
        (0.0, "p < 0.00001"),
    ],
)
def test_p_as_people_write_it(p: float, words: str) -> None:
    assert p_words(p) == words
