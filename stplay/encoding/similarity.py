"""Similarity of embeddings: the matrix, its order, and the map."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stplay.similarities import SIMILARITIES


def similarity_matrix(a: ArrayLike, b: ArrayLike, metric: str) -> NDArray[np.float32]:
    """The similarity of each row of ``a`` to each row of ``b``; more is more alike.

    Signed as the library's similarity functions: distances are negative. Computed in double
    precision, so that equal rows have a cosine of exactly 1 and a distance of exactly 0.

    Args:
        a: embeddings of shape ``(sentences, dimensions)``.
        b: embeddings of shape ``(others, dimensions)``.
        metric: one of ``SIMILARITIES``.

    Returns:
        An array of shape ``(sentences, others)``; not a number where an embedding is not finite
        and has no direction or distance.

    Raises:
        ValueError: there is no such metric.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    found = np.empty((len(a), len(b)))
    match metric:
        case "cosine":
            np.matmul(_unit(a), _unit(b).T, out=found)
        case "dot":
            np.matmul(a, b.T, out=found)
        case "euclidean" | "manhattan":
            apart = np.empty_like(b)
            for row, embedding in enumerate(a):
                with np.errstate(invalid="ignore"):  # infinite ones are no distance apart
                    np.subtract(b, embedding, out=apart)
                if metric == "euclidean":
                    np.einsum("ij,ij->i", apart, apart, out=found[row])
                else:
                    np.abs(apart, out=apart).sum(axis=1, out=found[row])
            found = 0.0 - (np.sqrt(found) if metric == "euclidean" else found)
        case _:
            raise ValueError(f"there is no metric {metric!r}; they are {', '.join(SIMILARITIES)}")
    with np.errstate(
        over="ignore"
    ):  # too large for single precision is infinite, as in the library
        return found.astype(np.float32)


def contributions(a: ArrayLike, b: ArrayLike, k: int) -> list[tuple[int, float]]:
    """The ``k`` dimensions that weigh most in the cosine of two embeddings, and their shares.

    The shares of all dimensions add up to the cosine; a share below zero parts the two.

    Args:
        a: an embedding of shape ``(dimensions,)``.
        b: another of the same shape.
        k: how many dimensions; all of them where there are no more.
    """
    shares = _unit(np.asarray(a, np.float64)) * _unit(np.asarray(b, np.float64))
    most = np.argsort(-np.abs(shares), kind="stable")[:k]
    return [(int(dimension), float(shares[dimension])) for dimension in most]


def order_by(matrix: NDArray[np.floating], row: int) -> list[int]:
    """All rows of a matrix, ``row`` itself first, then those most like it.

    Args:
        matrix: similarities of shape ``(sentences, sentences)``.
        row: the place of a sentence.

    Returns:
        The places of all sentences, each once.
    """
    scores = matrix[row].astype(np.float64)
    scores[row] = np.inf
    return np.argsort(-scores, kind="stable").tolist()


def cluster_order(embeddings: ArrayLike) -> list[int]:
    """All rows in an order that puts like beside like.

    The leaves of a hierarchical clustering (average linkage of the cosine's angle, as a distance
    between unit vectors), ordered so that neighbours are as close as they can be: SciPy's optimal
    leaf ordering, after Bar-Joseph et al. 2001, "Fast optimal leaf ordering for hierarchical
    clustering".

    Args:
        embeddings: an array of shape ``(sentences, dimensions)``; what is not finite counts as 0.

    Returns:
        The places of all sentences, each once.
    """
    units = np.nan_to_num(_unit(np.asarray(embeddings, np.float64)))
    if len(units) < 3:
        return list(range(len(units)))
    from scipy.cluster.hierarchy import leaves_list, linkage  # takes a moment to load

    return leaves_list(linkage(units, "average", optimal_ordering=True)).tolist()


def project(embeddings: ArrayLike) -> NDArray[np.float64]:
    """The first two principal components of embeddings, in the units of the embeddings.

    An embedding that is not finite has no place: its row is not a number, and it moves no other.

    Args:
        embeddings: an array of shape ``(sentences, dimensions)``.

    Returns:
        An array of shape ``(sentences, 2)``; 0 where there are fewer components.
    """
    rows = np.asarray(embeddings, np.float64)
    places = np.full((len(rows), 2), np.nan)
    finite = np.isfinite(rows).all(axis=-1)
    places[finite] = _principal(rows[finite])
    return places


def _principal(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.zeros((len(rows), 2))
    if len(rows) < 2:
        return found
    centred = rows - rows.mean(axis=0)
    components, scales, directions = np.linalg.svd(centred, full_matrices=False)
    kept = min(2, len(scales))
    # A component may point either way: the one in which its largest weight is positive.
    largest = np.argmax(np.abs(directions[:kept]), axis=1)
    signs = np.sign(directions[np.arange(kept), largest])
    found[:, :kept] = components[:, :kept] * scales[:kept] * signs
    return found


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """``rows`` of length 1; what is not finite, and has no direction, stays not a number."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return rows / np.maximum(lengths, np.finfo(np.float32).tiny)
