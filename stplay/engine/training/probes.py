"""The probe sentences of a training, encoded as it goes on, to see what the model makes of them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from transformers import TrainerState

from stplay.engine.models.seentokens import SeenTokens
from stplay.engine.packed.sentenceencoder import NotFiniteError, SentenceEncoder
from stplay.engine.training.vocabularyinuse import VocabularyInUse
from stplay.errors import UserError
from stplay.jobs.events import ProbesEncoded
from stplay.quantities import MOST_PACKED
from stplay.text import count


class Probes:
    """``sentences``, as ``model`` encodes them while it is trained, on a ``vocabulary`` or all.

    One process of several encodes them alone, and exchanges nothing. ``notes`` tell what is not
    read of them, or that they are too much to be told.
    """

    def __init__(
        self,
        sentences: Sequence[str],
        model: SentenceTransformer,
        vocabulary: VocabularyInUse | None,
    ) -> None:
        self.encoder = SentenceEncoder(model)
        self.vocabulary = vocabulary
        task = "query" if self.encoder.needs_task else None
        self._prepared = self.encoder.prepare(sentences, task)
        _, dropped = SeenTokens(model).of(sentences, task)
        self.notes = [
            f"Of probe sentence {number} the last {count(cut)} tokens are not read, as the model "
            f"reads {count(self.encoder.max_tokens)}."
            for number, cut in enumerate(dropped, 1)
            if cut
        ]
        self._are_told = False
        try:
            numbers = self._embeddings().size
        except UserError as error:  # no reason to end a training
            self.notes.append(f"The probe sentences are not encoded. {error}")
            return
        self._are_told = 2 * numbers <= MOST_PACKED
        if not self._are_told:
            self.notes.append(
                f"The probe sentences are not told, as their {count(numbers)} numbers are too many "
                "to be kept at each step."
            )

    def encoded(self, state: TrainerState) -> ProbesEncoded | None:
        """The event that tells them, after the step of ``state``."""
        if not self._are_told:
            return None
        embeddings = self._embeddings()
        lengths = np.linalg.norm(embeddings, axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):  # infinite ones have no direction
            units = embeddings / np.maximum(lengths, np.finfo(np.float32).tiny)
        return ProbesEncoded(
            step=state.global_step,
            epoch=state.epoch or 0.0,
            dimensions=embeddings.shape[1],
            embeddings=units.astype("<f2").tobytes(),
        )

    def _embeddings(self) -> NDArray[np.float32]:
        tokenized, reading = self._prepared.tokenized, nullcontext()
        if self.vocabulary is not None and tokenized is not None:
            reading = self.vocabulary.reading(np.unique(np.concatenate(tokenized.sentences)))
        with reading:
            try:
                found = self.encoder.embed(self._prepared)
            except NotFiniteError as error:  # whoever evaluates tells it
                found = error.embeddings
        return found.astype(np.float32, copy=False)
