"""The library's triplet evaluation during a training, which tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import evaluation

from stplay.engine.data.triplets import Split
from stplay.engine.evaluation.columnembeddings import ColumnEmbeddings
from stplay.engine.packed.sentenceencoder import NotFiniteError, SentenceEncoder, checked
from stplay.engine.worker.eventsink import note
from stplay.engine.worker.stages import Stages
from stplay.similarities import SIMILARITIES


class TripletEvaluator(evaluation.TripletEvaluator):
    """The library's evaluator, over its own embeddings or over those of an ``encoder``.

    It keeps the library's name, as the library's model card is written from it. Embeddings that
    are not finite do not end a training: it is noted that their accuracies mean nothing.
    """

    def __init__(
        self,
        stages: Stages,
        encoder: SentenceEncoder | None = None,
        *,
        negatives_a_row: int = 1,
        **arguments: Any,
    ) -> None:
        """``arguments`` are the library's.

        Where a row makes a triplet with each of its negatives, all rows come with the first, then
        all with the second.
        """
        super().__init__(similarity_fn_names=list(SIMILARITIES), write_csv=False, **arguments)
        self.stages = stages
        self.negatives_a_row = negatives_a_row
        self.rows = len(self.anchors) // negatives_a_row
        self.embeddings = None
        if encoder is not None:
            ends = range(0, len(self.negatives), self.rows)
            columns: list[Any] = [self.anchors[: self.rows], self.positives[: self.rows]]
            columns += [self.negatives[first : first + self.rows] for first in ends]
            self.embeddings = ColumnEmbeddings(encoder, columns)
        self._finite = True

    @classmethod
    def of_split(
        cls, split: Split, batch_size: int, stages: Stages, encoder: SentenceEncoder | None = None
    ) -> TripletEvaluator:
        """The evaluator of ``split``; the library encodes ``batch_size`` sentences together."""
        anchors, positives, *negatives = ([*split.triplets[name]] for name in split.columns)
        return cls(
            stages,
            encoder,
            negatives_a_row=split.negatives,
            anchors=anchors * split.negatives,
            positives=positives * split.negatives,
            negatives=[sentence for column in negatives for sentence in column],
            name=split.name,
            batch_size=batch_size,
        )

    def __call__(
        self, model: SentenceTransformer, *arguments: Any, steps: int = -1, **named: Any
    ) -> dict[str, float]:
        """The accuracies of ``model``, under names that begin with this evaluator's own."""
        self._finite = True
        metrics = self._evaluate(model, *arguments, steps=steps, **named)
        if not self._finite:
            note(
                self.stages.events,
                f"The embeddings of {self.name} at step {steps} are not finite: the training has "
                "diverged, and its accuracies mean nothing.",
            )
        return metrics

    def _evaluate(self, model: SentenceTransformer, *arguments: Any, **named: Any) -> dict:
        if self.embeddings is not None:
            self.embeddings.embed(self._tell)
            self._finite = self.embeddings.finite
            return super().__call__(model, *arguments, **named)
        total, done = 3 * len(self.anchors), 0

        def count(module: torch.nn.Module, inputs: tuple[dict, ...], output: dict) -> None:
            nonlocal done
            done += len(output["sentence_embedding"])
            self._tell(done, total)

        hook = model.register_forward_hook(count)
        try:
            return super().__call__(model, *arguments, **named)
        finally:
            hook.remove()

    def embed_inputs(
        self, model: SentenceTransformer, sentences: Any, *_: Any, **named: Any
    ) -> Any:
        """The embeddings of all anchors, positives or negatives, (triplets, dimensions)."""
        if self.embeddings is None:
            found = super().embed_inputs(model, sentences, *_, **named)
            return self._taken(lambda: checked(found, sentences, model))
        anchors, positives, *negatives = self.embeddings.last
        if sentences is self.negatives:
            return np.concatenate(negatives)
        return np.tile(
            anchors if sentences is self.anchors else positives, (self.negatives_a_row, 1)
        )

    def _taken(self, embed: Callable[[], NDArray[np.floating]]) -> NDArray[np.floating]:
        """What ``embed`` gives, finite or not."""
        try:
            return embed()
        except NotFiniteError as error:
            self._finite = False
            return error.embeddings

    def _tell(self, done: int, total: int) -> None:
        self.stages.progress(f"evaluating {self.name}", done, total, "sentences")
