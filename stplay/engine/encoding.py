"""Sentences to embeddings: the one place where stplay encodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router

Task = Literal["query", "document"]

TOKENS_A_BATCH = {"cpu": 1024}
GPU_TOKENS_A_BATCH = 16384
BYTES_A_TOKEN = 3


class Encoder:
    """Encodes with ``model`` as the library does, each distinct sentence once.

    Sentences are sorted by length and go through the model in batches bounded by tokens, so that
    little of a batch is padding. ``truncate_dim`` keeps the first numbers of each embedding
    (Matryoshka); without it the model's own setting holds.
    """

    def __init__(self, model: SentenceTransformer, truncate_dim: int | None = None) -> None:
        self.model = model
        self.truncate_dim = truncate_dim if truncate_dim is not None else model.truncate_dim
        self.most_tokens = TOKENS_A_BATCH.get(model.device.type, GPU_TOKENS_A_BATCH)

    @property
    def dimensions(self) -> int | None:
        """The length of an embedding, where the model tells it."""
        with self.model.truncate_embeddings(None):  # else the model's own setting counts
            whole = self.model.get_embedding_dimension()
        if whole is None or self.truncate_dim is None:
            return whole
        return min(whole, self.truncate_dim)

    @property
    def tells_tasks_apart(self) -> bool:
        """Whether a query and a document of the same words may have different embeddings."""
        prompts = self.model.prompts
        routed = any(isinstance(module, Router) for module in self.model)
        return routed or prompts.get("query", "") != prompts.get("document", "")

    def encode(
        self,
        sentences: Sequence[str],
        task: Task | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.floating]:
        """The embeddings of ``sentences``, of shape ``(sentences, dimensions)``.

        ``task`` brings the model's prompt for queries or documents with it, as the library's
        ``encode_query`` and ``encode_document``. ``progress`` is told the number of distinct
        sentences encoded so far.
        """
        places: dict[str, list[int]] = {}
        for place, sentence in enumerate(sentences):
            places.setdefault(sentence, []).append(place)
        embeddings: NDArray[np.floating] | None = None
        done = 0
        for batch in self._batches(list(places)):
            encoded = self._encode_batch(batch, task)
            if embeddings is None:
                embeddings = np.empty((len(sentences), encoded.shape[1]), encoded.dtype)
            for sentence, embedding in zip(batch, encoded, strict=True):
                embeddings[places[sentence]] = embedding
            done += len(batch)
            if progress is not None:
                progress(done)
        if embeddings is None:
            return np.empty((0, self.dimensions or 0), np.float32)
        return embeddings

    def _encode_batch(self, batch: list[str], task: Task | None) -> NDArray[np.floating]:
        encode = {
            None: self.model.encode,
            "query": self.model.encode_query,
            "document": self.model.encode_document,
        }[task]
        encoded = encode(
            batch,
            batch_size=len(batch),
            show_progress_bar=False,
            convert_to_numpy=True,
            truncate_dim=self.truncate_dim,
        )
        return np.asarray(encoded)

    def _batches(self, sentences: list[str]) -> Iterator[list[str]]:
        """The sentences from the longest to the shortest: what does not fit fails at once."""
        batch: list[str] = []
        longest = 0
        for sentence in sorted(sentences, key=self.tokens, reverse=True):
            longest = max(longest, self.tokens(sentence))
            if batch and longest * (len(batch) + 1) > self.most_tokens:
                yield batch
                batch, longest = [], self.tokens(sentence)
            batch.append(sentence)
        if batch:
            yield batch

    def tokens(self, sentence: str) -> int:
        """About how many tokens ``sentence`` takes, guessed from its length in bytes."""
        guessed = len(sentence.encode()) // BYTES_A_TOKEN + 2
        return min(guessed, self.model.max_seq_length or guessed)
