"""Similarity matrices and embeddings as text and files that other programs read.

A matrix has the shape ``(sentences, sentences)``, embeddings have ``(sentences, dimensions)``; both
have a row for each of the sentences that they are given with, in the same order.
"""

from __future__ import annotations

import csv as csv_module
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from stplay.errors import UserError
from stplay.text import printable

SUFFIXES = (".csv", ".json", ".npy", ".safetensors")

Numbers = NDArray[np.floating]


def markdown(sentences: Sequence[str], matrix: Numbers) -> str:
    """The matrix as a Markdown table with three decimals, a sentence a row.

    Raises:
        ValueError: there are not as many rows as sentences.
    """
    names = [
        printable(sentence).replace("\\", "\\\\").replace("|", "\\|") for sentence in sentences
    ]
    lines = [
        "| | |" + "".join(f" {number} |" for number in range(1, len(names) + 1)),
        "|---:|---|" + "---:|" * len(names),
    ]
    for number, (name, row) in enumerate(zip(names, matrix, strict=True), 1):
        lines.append(f"| {number} | {name} |" + "".join(f" {value:.3f} |" for value in row))
    return "\n".join(lines) + "\n"


def csv(sentences: Sequence[str], matrix: Numbers) -> str:
    """The matrix as CSV: a first line of sentences, then each sentence and its similarities.

    Raises:
        ValueError: there are not as many rows as sentences.
    """
    text = io.StringIO()
    writer = csv_module.writer(text, lineterminator="\n")
    writer.writerow(["sentence", *sentences])
    for sentence, row in zip(sentences, _numbers(matrix), strict=True):
        writer.writerow([sentence, *row])
    return text.getvalue()


def json(
    model: str,
    metric: str,
    sentences: Sequence[str],
    matrix: Numbers,
    facts: Mapping[str, object] | None = None,
) -> str:
    """The matrix as one JSON object: ``model``, ``metric``, ``sentences``, ``matrix``.

    ``facts`` are what else is known of them, such as how many tokens of each sentence were read.
    """
    told = {"model": model, "metric": metric, "sentences": list(sentences)}
    return msgspec.json.encode(told | dict(facts or {}) | {"matrix": _numbers(matrix)}).decode()


def npy(matrix: Numbers) -> bytes:
    """The bytes of the matrix as a ``.npy`` file, of the same shape and type."""
    file = io.BytesIO()
    np.save(file, matrix)
    return file.getvalue()


def safetensors(
    model: str,
    metric: str,
    sentences: Sequence[str],
    matrix: Numbers,
    embeddings: Numbers,
    facts: Mapping[str, object] | None = None,
) -> bytes:
    """The bytes of the tensors ``matrix`` and ``embeddings`` as a safetensors file.

    Both keep their shapes and types. The metadata tell the rest, each as text: ``model``,
    ``metric``, and as JSON ``sentences`` and all ``facts``.
    """
    from safetensors.numpy import save

    return save(
        {
            "matrix": np.ascontiguousarray(matrix),
            "embeddings": np.ascontiguousarray(embeddings),
        },
        {
            "model": model,
            "metric": metric,
            "sentences": msgspec.json.encode(list(sentences)).decode(),
            **{name: msgspec.json.encode(fact).decode() for name, fact in (facts or {}).items()},
        },
    )


def write(
    path: str | Path,
    model: str,
    metric: str,
    sentences: Sequence[str],
    matrix: Numbers,
    embeddings: Numbers,
    facts: Mapping[str, object] | None = None,
) -> None:
    """Write a file of the kind that its suffix tells; only ``.safetensors`` holds embeddings too.

    Args:
        path: where to; what is there already is written over.
        model: the name of the model that made the embeddings.
        metric: that of the matrix, one of ``similarity.METRICS``.
        sentences: what was encoded.
        matrix: their similarities, of shape ``(sentences, sentences)``.
        embeddings: of shape ``(sentences, dimensions)``.
        facts: what else is known of the sentences, for ``.json`` and ``.safetensors``.

    Raises:
        UserError: the suffix is none of ``SUFFIXES``, or the file cannot be written.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".csv":
            content = csv(sentences, matrix).encode()
        case ".json":
            content = json(model, metric, sentences, matrix, facts).encode() + b"\n"
        case ".npy":
            content = npy(matrix)
        case ".safetensors":
            content = safetensors(model, metric, sentences, matrix, embeddings, facts)
        case _:
            raise UserError(
                f"{path.name!r} does not tell what to write; end it with "
                f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}."
            )
    try:
        path.expanduser().write_bytes(content)
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be written: {reason}.") from None


def _numbers(matrix: Numbers) -> list[list[float]]:
    """As the shortest decimals that give the same single-precision numbers again, row by row."""
    shortest = np.asarray(matrix, np.float32).astype(str)
    return shortest.astype(np.float64).tolist()
