"""What stands for a GPU's memory where there is no GPU: so many tokens, and not one more."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from torch import Tensor

from stplay.engine.packed.packing import Packing
from stplay.engine.training.embedder import Embedder

Most = Callable[[int], int]


class Held:
    """What takes memory, and is let go of when nobody names it."""


class Limited(Embedder):
    """Has memory for so many tokens as ``most`` tells for each call, counted from 0.

    ``alive`` tells of each call how many others still hold their memory.
    """

    def __init__(self, of: Embedder, most: Most, error: type[Exception], words: str) -> None:
        super().__init__(of.packed, of.precision)
        self.most, self.error, self.words = most, error, words
        self.failed = 0
        self.alive: list[int] = []
        self._held: weakref.WeakSet[Held] = weakref.WeakSet()

    def __call__(self, packing: Packing) -> Tensor:
        self.alive.append(len(self._held))
        held = Held()
        self._held.add(held)
        embeddings = super().__call__(packing)
        if packing.tokens > self.most(len(self.alive) - 1):
            self.failed += 1
            raise self.error(self.words)
        return embeddings


def enough(call: int) -> int:
    return 1 << 30
