"""Similarity: exact where it must be, signed as the library's, and orders that put like by like."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from strangeembeddings import ROWS, strange

from stplay.encoding import similarity
from stplay.similarities import SIMILARITIES


@pytest.mark.parametrize("metric", SIMILARITIES)
def test_equal_rows_are_exactly_as_alike_as_can_be(metric: str):
    rows = np.concatenate([ROWS, ROWS * 1])
    matrix = similarity.similarity_matrix(rows, rows, metric)
    assert (matrix.shape, matrix.dtype) == ((80, 80), np.float32)
    assert np.array_equal(matrix, matrix.T)
    twice = np.diagonal(matrix, 40)
    if metric == "cosine":
        assert np.all(np.diagonal(matrix) == 1)
        assert np.all(twice == 1)
    elif metric == "dot":
        assert np.array_equal(twice, np.diagonal(matrix)[:40])
    else:
        assert np.all(twice == 0)
        assert not np.any(np.signbit(np.diagonal(matrix))), "a zero with a sign"
        assert np.all(matrix <= 0)


def test_a_matrix_may_have_two_sides():
    matrix = similarity.similarity_matrix([[1, 0], [3, 4]], [[3, 4], [0, 2], [0, 0]], "cosine")
    np.testing.assert_allclose(matrix, [[0.6, 0, 0], [1, 0.8, 0]], atol=1e-7)
    matrix = similarity.similarity_matrix([[1, 0]], [[3, 4], [0, 2]], "manhattan")
    assert matrix.tolist() == [[-6, -3]]
    matrix = similarity.similarity_matrix([[0, 0]], [[3, 4], [0, 2]], "euclidean")
    assert matrix.tolist() == [[-5, -2]]


def test_an_unknown_metric():
    with pytest.raises(ValueError, match="they are cosine, dot, manhattan, euclidean"):
        similarity.similarity_matrix(ROWS, ROWS, "jaccard")


def test_the_contributions_add_up_to_the_cosine():
    a, b = ROWS[0], ROWS[1]
    found = similarity.contributions(a, b, 384)
    cosine = similarity.similarity_matrix(a[None], b[None], "cosine")[0, 0]
    assert sum(share for _, share in found) == pytest.approx(cosine, abs=1e-6)
    assert sorted(dimension for dimension, _ in found) == list(range(384))
    sizes = [abs(share) for _, share in found]
    assert sizes == sorted(sizes, reverse=True)
    assert similarity.contributions(a, b, 3) == found[:3]


def test_the_order_by_a_row_begins_with_it():
    matrix = np.array([[1, 0.2, 1, 0.5], [0.2, 1, 0.2, 0], [1, 0.2, 1, 0.5], [0.5, 0, 0.5, 1]])
    assert similarity.order_by(matrix, 2) == [2, 0, 3, 1]
    assert similarity.order_by(matrix, 1) == [1, 0, 2, 3]


def test_clusters_stay_together():
    centres = np.eye(3, 8)[[0, 1, 2, 0, 1, 2, 0]]
    noise = np.random.default_rng(1).normal(scale=0.05, size=centres.shape)
    order = similarity.cluster_order(centres + noise)
    groups = [number % 3 for number in order]
    assert sorted(order) == list(range(7))
    assert sum(left != right for left, right in itertools.pairwise(groups)) == 2


@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_rows_have_an_order_and_a_place(rows: int):
    assert similarity.cluster_order(ROWS[:rows]) == list(range(rows))
    assert similarity.project(ROWS[:rows]).shape == (rows, 2)


def test_equal_and_empty_embeddings_have_an_order_and_a_place():
    rows = np.zeros((5, 4), np.float32)
    rows[3] = 1
    assert sorted(similarity.cluster_order(rows)) == list(range(5))
    assert np.isfinite(similarity.project(rows)).all()


def test_the_map_keeps_the_widest_directions():
    plane = np.random.default_rng(2).normal(size=(30, 2)) * [5, 1]
    turned = np.linalg.qr(np.random.default_rng(3).normal(size=(16, 16)))[0][:2]
    found = similarity.project(plane @ turned + 7)
    wanted = np.linalg.norm(plane[:, None] - plane, axis=2)
    np.testing.assert_allclose(np.linalg.norm(found[:, None] - found, axis=2), wanted, atol=1e-5)
    assert found[:, 0].var() > found[:, 1].var()
    np.testing.assert_array_equal(found, similarity.project(plane @ turned + 7))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("kind", strange(1))
def test_whatever_a_model_gives_has_similarities_an_order_and_a_place(kind: str, count: int):
    """The map of a diverged model once ended the app: SVD did not converge."""
    rows = strange(count)[kind]
    finite = np.isfinite(rows).all(axis=1)
    for metric in SIMILARITIES:
        matrix = similarity.similarity_matrix(rows, rows, metric)
        assert matrix.shape == (count, count)
        assert sorted(similarity.order_by(matrix, count - 1)) == list(range(count))
    assert sorted(similarity.cluster_order(rows)) == list(range(count))
    places = similarity.project(rows)
    assert places.shape == (count, 2)
    assert np.array_equal(np.isfinite(places).all(axis=1), finite)
    assert np.array_equal(places[finite], similarity.project(rows[finite]))
    assert len(similarity.contributions(rows[0], rows[-1], 8)) == 8
