"""The evaluation of pairs during a training: a loss, as no triplets can be made of them."""

from __future__ import annotations

from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.base.evaluation import BaseEvaluator

from stplay.engine.data.triplets import Split
from stplay.engine.evaluation.columnembeddings import ColumnEmbeddings
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.engine.worker.stages import Stages


class PairEvaluator(BaseEvaluator):
    """Has no accuracies; where it has an ``encoder``, it embeds the pairs for the loss."""

    def __init__(
        self, split: Split, stages: Stages, encoder: SentenceEncoder | None = None
    ) -> None:
        super().__init__()
        self.name, self.rows = split.name, len(split.triplets)
        self.stages = stages
        columns = [split.triplets[column] for column in split.columns]
        self.embeddings = None if encoder is None else ColumnEmbeddings(encoder, columns)

    def __call__(self, model: SentenceTransformer, *_: Any, **named: Any) -> dict[str, float]:
        """Embed the pairs; there is nothing to judge."""
        if self.embeddings is not None:
            stage = f"evaluating {self.name}"

            def tell(done: int, total: int) -> None:
                self.stages.progress(stage, done, total, "sentences")

            self.embeddings.embed(tell)
        return {}
