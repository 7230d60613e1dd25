"""The library's triplet evaluation during a training, which tells how far it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import evaluation
from transformers import TrainerState

from stplay.engine.data.triplets import Split
from stplay.engine.packed.sentenceencoder import (
    NotFiniteError,
    PreparedSentences,
    SentenceEncoder,
    checked,
)
from stplay.engine.worker.eventsink import note
from stplay.engine.worker.stages import Stages
from stplay.jobs.events import Evaluated
from stplay.similarities import SIMILARITIES


class TripletEvaluator(evaluation.TripletEvaluator):
    """The library's evaluator, over its own embeddings or over those of an ``encoder``.

    It keeps the library's name, as the library's model card is written from it. Embeddings that
    are not finite do not end a training: it is noted that their accuracies mean nothing.
    """

    def __init__(
        self, stages: Stages, encoder: SentenceEncoder | None = None, **arguments: Any
    ) -> None:
        """``arguments`` are the library's."""
        super().__init__(similarity_fn_names=list(SIMILARITIES), write_csv=False, **arguments)
        self.stages = stages
        self.encoder = encoder
        self._prepared: list[PreparedSentences] = []
        self._embeddings: list[NDArray[np.floating]] = []
        self._finite = True

    @classmethod
    def of_split(
        cls, split: Split, batch_size: int, stages: Stages, encoder: SentenceEncoder | None = None
    ) -> TripletEvaluator:
        """The evaluator of ``split``; the library encodes ``batch_size`` sentences together."""
        return cls(
            stages,
            encoder,
            anchors=split.triplets["anchor"],
            positives=split.triplets["positive"],
            negatives=split.triplets["negative"],
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
        if self.encoder is not None:
            self._embeddings = self._embed(self.encoder)
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
        """The embeddings of one of the three columns, of shape (rows, dimensions)."""
        if self.encoder is None:
            found = super().embed_inputs(model, sentences, *_, **named)
            return self._taken(lambda: checked(found, sentences, model))
        return self._embeddings[[column is sentences for column in self._columns].index(True)]

    def training_embeddings(self) -> list[NDArray[np.floating]]:
        """The embeddings of the three columns as a training loss takes them.

        Each has shape (rows, dimensions). They are those of the last evaluation, unless that had
        prompts or was cut to fewer dimensions, as a training is not.
        """
        assert self.encoder is not None
        model = self.encoder.model
        if self.encoder.truncate_dim is None and not any(model.prompts.values()):
            return self._embeddings
        whole = SentenceEncoder(model, ranks=self.encoder.ranks)
        whole.truncate_dim = None
        sentences = [sentence for column in self._columns for sentence in column]
        prepared = whole.prepare(sentences, prompted=False)
        return np.split(self._taken(lambda: whole.embed(prepared)), 3)

    @property
    def _columns(self) -> tuple[Any, Any, Any]:
        return self.anchors, self.positives, self.negatives

    def _embed(self, encoder: SentenceEncoder) -> list[NDArray[np.floating]]:
        """The embeddings of the columns; each distinct sentence is tokenized and encoded once."""
        if not self._prepared:
            anchors, positives, negatives = map(list, self._columns)
            if encoder.tells_tasks_apart:
                self._prepared = [
                    encoder.prepare(anchors, "query"),
                    encoder.prepare(positives + negatives, "document"),
                ]
            else:
                self._prepared = [encoder.prepare(anchors + positives + negatives, "query")]
        total, before = sum(len(prepared.sentences) for prepared in self._prepared), 0
        embeddings = []
        for prepared in self._prepared:

            def tell(done: int, before: int = before) -> None:
                self._tell(before + done, total)

            embeddings.append(self._taken(partial(encoder.embed, prepared, tell)))
            before += len(prepared.sentences)
        return np.split(np.concatenate(embeddings), 3)

    def _taken(self, embed: Callable[[], NDArray[np.floating]]) -> NDArray[np.floating]:
        """What ``embed`` gives, finite or not."""
        try:
            return embed()
        except NotFiniteError as error:
            self._finite = False
            return error.embeddings

    def _tell(self, done: int, total: int) -> None:
        self.stages.progress(f"evaluating {self.name}", done, total, "sentences")


def evaluated(
    evaluator: TripletEvaluator, split: str, metrics: dict[str, float], state: TrainerState
) -> Evaluated:
    """The event of an evaluation; ``metrics`` may carry the trainer's prefix in their names."""
    by_name = {
        name: value
        for key, value in metrics.items()
        for name in (key.rpartition(f"{evaluator.name}_")[2],)
    }
    return Evaluated(
        step=state.global_step,
        epoch=state.epoch or 0.0,
        split="dev" if split == "dev" else "test",
        data=evaluator.name,
        rows=len(evaluator.anchors),
        loss=metrics.get("eval_loss"),
        max_accuracy=by_name["max_accuracy"],
        **{f"{name}_accuracy": by_name[f"{name}_accuracy"] for name in SIMILARITIES},
    )
