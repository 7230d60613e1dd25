"""The projecting process: ``python -m stplay.engine.project``.

Embeddings come in by the standard input and their places on the map go out, until nobody asks.
UMAP takes half a minute to load and to compile itself, which it does here, once.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from stplay.encoding.projector import ANSWER, NEIGHBOURS, REQUEST
from stplay.engine.worker.reader import end_with_reader

FEW = 10  # for fewer, the spectral layout to begin with is not defined


def places(embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where ``embeddings``, of shape (sentences, dimensions), lie: shape (sentences, 2)."""
    from umap import UMAP  # pyright: ignore[reportMissingImports]

    rows = len(embeddings)
    projection = UMAP(
        n_neighbors=min(NEIGHBOURS, rows - 1),
        metric="cosine",
        init="random" if rows < FEW else "spectral",
        random_state=0,  # the same sentences lie in the same places again
        n_jobs=1,
    )
    return np.asarray(projection.fit_transform(embeddings), np.float32)


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answer until ``source`` ends."""
    while header := source.read(REQUEST.size):
        rows, dimensions = REQUEST.unpack(header)
        numbers = np.frombuffer(source.read(4 * rows * dimensions), np.float32)
        try:
            failed, body = False, places(numbers.reshape(rows, dimensions)).tobytes()
        except Exception as error:
            failed, body = True, traceback.format_exception_only(error)[-1].encode()
        target.write(ANSWER.pack(failed, len(body)) + body)
        target.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    end_with_reader(answers.fileno())
    os.dup2(2, 1)  # what the libraries print is no answer
    serve(sys.stdin.buffer, answers)
