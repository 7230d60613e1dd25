"""The library's own way to train, in the place where the fast path can be."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

from stplay.engine.training.countingtrainer import CountingTrainer
from stplay.jobs.events import Engine


class StockPath:
    """The library's own path; ``why`` it is taken although it was not asked for."""

    vocabulary = None

    def __init__(self, why: str | None = None) -> None:
        self.engine = Engine(name="stock", why=why)

    def encoder(self) -> None:
        """Nothing: what is evaluated is encoded by the library too."""

    def trainer(self, **named: Any) -> CountingTrainer:
        """The trainer; ``named`` are the arguments of the library's own."""
        return CountingTrainer(**named)

    def whole(self) -> AbstractContextManager[None]:
        """The model as it is to be saved: as it is."""
        return nullcontext()
