"""The client of the projecting process: places on the map by UMAP, where it is installed."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata

import msgspec
import numpy as np
from numpy.typing import NDArray

from stplay import home
from stplay.errors import UserError
from stplay.jobs.process import Asked, Reply

MODULE = "stplay.engine.project"
NEIGHBOURS = 15
LEAST = 4  # fewer have no neighbourhoods to tell apart


def is_installed() -> bool:
    """Whether UMAP is at hand."""
    try:
        metadata.version("umap-learn")
    except metadata.PackageNotFoundError:
        return False
    return True


class Embeddings(msgspec.Struct):
    """What is to be projected: rows of ``dimensions`` float32 numbers each."""

    dimensions: int
    numbers: bytes


class Projected(Reply):
    """Where the rows lie: two float32 numbers each."""

    places: bytes


class Projector:
    """Projects with UMAP in a process of its own, which is launched when it is first needed."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)  # what was given up before its turn is never begun
        self._asked: Asked | None = None
        self._last: tuple[NDArray[np.float32], NDArray[np.float32]] | None = None
        self._closed = False
        self._log = home.cache_folder() / "project.log"

    def known(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32] | None:
        """The places of ``embeddings``, if they were the last ones asked for.

        Args:
            embeddings: an array of shape ``(sentences, dimensions)``.

        Returns:
            An array of shape ``(sentences, 2)``.
        """
        if self._last is not None and np.array_equal(self._last[0], embeddings):
            return self._last[1]
        return None

    async def project(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        """The places of ``embeddings`` by UMAP with the cosine; units and directions mean nothing.

        Args:
            embeddings: an array of shape ``(sentences, dimensions)``, of at least ``LEAST`` rows.

        Returns:
            An array of shape ``(sentences, 2)``.

        Raises:
            UserError: UMAP failed, its process ended, or this was closed.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._project, embeddings)

    def _project(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        if (known := self.known(embeddings)) is not None:
            return known
        points = np.frombuffer(self._ask(embeddings), np.float32).reshape(-1, 2)
        self._last = embeddings, points
        return points

    def _ask(self, embeddings: NDArray[np.float32]) -> bytes:
        if self._closed:
            raise UserError("The map was closed.")
        if self._asked is None or self._asked.process.poll() is not None:
            self._asked = Asked(MODULE, log=self._log, title="process of UMAP")
        numbers = np.ascontiguousarray(embeddings, np.float32)
        request = Embeddings(numbers.shape[1], numbers.tobytes())
        try:
            self._asked.say(msgspec.json.encode(request) + b"\n", last=False)
            return self._asked.hear(Projected).places
        except UserError:
            if self._closed:
                raise UserError("The map was closed, and its process ended.") from None
            raise

    def close(self) -> None:
        """End the process."""
        self._closed = True
        if self._asked is not None:
            self._asked.end()
