"""The projecting process: ``python -m stplay.engine.project``.

``Embeddings`` come in by the standard input, a line each, and are replied to with their places on
the map, until nobody asks.
UMAP takes half a minute to load and to compile itself, which it does here, once.
"""

from __future__ import annotations

import sys
import traceback

import msgspec
import numpy as np
from numpy.typing import NDArray

from stplay.encoding.projector import NEIGHBOURS, Embeddings, Projected
from stplay.engine.worker.replies import Replies
from stplay.jobs.process import Refused
from stplay.text import printable

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


def projected(request: bytes) -> Projected | Refused:
    """The reply to one line of the input."""
    asked = msgspec.json.decode(request, type=Embeddings)
    numbers = np.frombuffer(asked.numbers, np.float32)
    try:
        return Projected(places=places(numbers.reshape(-1, asked.dimensions)).tobytes())
    except Exception as error:
        told = printable(traceback.format_exception_only(error)[-1].strip())
        return Refused(error=f"UMAP failed: {told}")


if __name__ == "__main__":
    replies = Replies()
    for line in sys.stdin.buffer:
        replies.write(projected(line))
