"""Sentences to embeddings: the one place where stplay encodes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router
from sentence_transformers.util import truncate_embeddings

from stplay.engine.packedmodel import PackedModel, why_not
from stplay.engine.packing import Packing, split

Task = Literal["query", "document"]

TOKENS_A_BATCH = {"cpu": 2048}
GPU_TOKENS_A_BATCH = 16384
BYTES_A_TOKEN = 3


class Encoder:
    """Encodes with ``model`` as the library does, each distinct sentence once.

    Sentences are sorted by length and go through the model in batches bounded by tokens, packed
    where the model can read them so, and else by the library itself. ``truncate_dim`` keeps the
    first numbers of each embedding (Matryoshka); without it the model's own setting holds.
    """

    def __init__(self, model: SentenceTransformer, truncate_dim: int | None = None) -> None:
        self.model = model
        self.truncate_dim = truncate_dim if truncate_dim is not None else model.truncate_dim
        self.most_tokens = TOKENS_A_BATCH.get(model.device.type, GPU_TOKENS_A_BATCH)
        self.packed = None if why_not(model) else PackedModel(model)

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
        distinct = {sentence: place for place, sentence in enumerate(dict.fromkeys(sentences))}
        embeddings: NDArray[np.floating] | None = None
        done = 0
        for places, encoded in self._encode(list(distinct), task):
            if embeddings is None:
                embeddings = np.empty((len(distinct), encoded.shape[1]), encoded.dtype)
            embeddings[places] = encoded
            done += len(places)
            if progress is not None:
                progress(done)
        if embeddings is None:
            return np.empty((0, self.dimensions or 0), np.float32)
        if len(distinct) == len(sentences):
            return embeddings
        return embeddings[[distinct[sentence] for sentence in sentences]]

    def _encode(
        self, sentences: list[str], task: Task | None
    ) -> Iterator[tuple[Sequence[int], NDArray[np.floating]]]:
        """Batch by batch, which of the sentences are encoded, and their embeddings."""
        if self.packed is not None:
            yield from self._encode_packed(self.packed, sentences, task)
            return
        for places in self._batches(sentences):
            yield places, self._encode_batch([sentences[place] for place in places], task)

    def _encode_packed(
        self, packed: PackedModel, sentences: list[str], task: Task | None
    ) -> Iterator[tuple[Sequence[int], NDArray[np.floating]]]:
        model = self.model.eval()
        tokenized = packed.tokenize(sentences, self._prompt(task))
        order = sorted(range(len(sentences)), key=lambda place: -len(tokenized.sentences[place]))
        lengths = [len(tokenized.sentences[place]) for place in order]
        for batch in split(lengths, self.most_tokens):
            places = order[batch.start : batch.stop]
            packing = Packing([tokenized.sentences[place] for place in places]).to(model.device)
            with torch.inference_mode():
                embeddings = packed.embed(packing, tokenized.prompt_length)
                embeddings = truncate_embeddings(embeddings, self.truncate_dim)
            if embeddings.dtype == torch.bfloat16:  # numpy has no such numbers
                embeddings = embeddings.float()
            yield places, embeddings.cpu().numpy()

    def _prompt(self, task: Task | None) -> str | None:
        """The prompt that the library puts before a sentence of ``task``."""
        names = {None: (), "query": ("query",), "document": ("document", "passage", "corpus")}[task]
        prompts = self.model.prompts
        name = next((name for name in names if name in prompts), self.model.default_prompt_name)
        return None if name is None else prompts.get(name)

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

    def _batches(self, sentences: list[str]) -> Iterator[list[int]]:
        """The sentences from the longest to the shortest: what does not fit fails at once."""
        batch: list[int] = []
        longest = 0
        order = sorted(range(len(sentences)), key=lambda place: -self.tokens(sentences[place]))
        for place in order:
            longest = max(longest, self.tokens(sentences[place]))
            if batch and longest * (len(batch) + 1) > self.most_tokens:
                yield batch
                batch, longest = [], self.tokens(sentences[place])
            batch.append(place)
        if batch:
            yield batch

    def tokens(self, sentence: str) -> int:
        """About how many tokens ``sentence`` takes, guessed from its length in bytes."""
        guessed = len(sentence.encode()) // BYTES_A_TOKEN + 2
        return min(guessed, self.model.max_seq_length or guessed)
