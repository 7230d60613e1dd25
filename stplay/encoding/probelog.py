"""How alike a run's probe sentences were at each of its evaluations, from its events."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stplay.encoding.similarity import similarity_matrix
from stplay.jobs.events import Event, ProbesEncoded, Replaced, RunResumed, RunStarted
from stplay.quantities import MOST_PROBES


class ProbeMatrix(NamedTuple):
    """The cosines of ``sentences`` after a step: (sentences, sentences), or not a number."""

    step: int
    epoch: float
    sentences: list[str]
    cosines: NDArray[np.float32]

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """The places of each two sentences, in the order of the sentences."""
        rows, columns = np.triu_indices(len(self.sentences), 1)
        return [*zip(rows.tolist(), columns.tolist(), strict=True)]


class ProbeLog:
    """The matrices of a run by their steps, in the order of these.

    ``sentences`` are those that the run has now, ``None`` where it tells of none. As many events
    as ``unreadable`` were of other sentences than those.
    """

    def __init__(self) -> None:
        self.matrices: dict[int, ProbeMatrix] = {}
        self.sentences: list[str] | None = None
        self.unreadable = 0
        self._has_begun, self._is_evaluated = False, True

    @property
    def absence(self) -> str:
        """Why there are no matrices."""
        if self.unreadable:
            return "What the event log tells of them is of other sentences than the run's."
        if not self._has_begun:
            return "The training has not begun yet."
        if self.sentences is None:
            return "An older stplay began this run, which knew no probe sentences."
        if not self.sentences:
            return "This run has none (evaluation.probes = [])."
        if not self._is_evaluated:
            return "This run is not evaluated on dev while it trains: they are encoded then."
        return "No evaluation on dev has told of them."

    def fold(self, events: Sequence[Event]) -> None:
        """Fold ``events`` in, one after the other."""
        for event in events:
            self._apply(event)

    def _apply(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._begin(event)
            case ProbesEncoded():
                self._take(event)
            case RunResumed():
                kept = {at: each for at, each in self.matrices.items() if at <= event.step}
                self.matrices = kept
            case Replaced():
                self.__init__()

    def _begin(self, started: RunStarted) -> None:
        evaluation, data = started.recipe.get("evaluation"), started.recipe.get("data")
        told = evaluation.get("probes") if isinstance(evaluation, dict) else None
        is_told = isinstance(told, list) and all(isinstance(each, str) for each in told)
        self.sentences = told if is_told else None
        strategy = evaluation.get("eval_strategy") if isinstance(evaluation, dict) else None
        self._has_begun = True
        self._is_evaluated = strategy != "no" and isinstance(data, dict) and "dev" in data

    def _take(self, event: ProbesEncoded) -> None:
        sentences = self.sentences or []
        shape = len(sentences), event.dimensions
        fits = all(shape) and len(event.embeddings) == 2 * math.prod(shape)
        if not fits or len(sentences) > MOST_PROBES:
            self.unreadable += 1
            return
        embeddings = np.frombuffer(event.embeddings, "<f2").reshape(shape)
        cosines = similarity_matrix(embeddings, embeddings, "cosine")
        self.matrices.pop(event.step, None)  # that of a step which was taken again is the newest
        self.matrices[event.step] = ProbeMatrix(event.step, event.epoch, sentences, cosines)
