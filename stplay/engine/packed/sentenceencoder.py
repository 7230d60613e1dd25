"""Sentences to embeddings: the one place where stplay encodes."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from sentence_transformers.util import truncate_embeddings

from stplay.engine.models.inputmodules import (
    Task,
    max_tokens,
    needs_task,
    prompt,
    tells_tasks_apart,
)
from stplay.engine.packed.packedmodel import PackedModel, Tokenized, why_not
from stplay.engine.packed.packing import Packing, cells_to_waste, split
from stplay.engine.worker.outofmemory import is_out_of_memory, release
from stplay.engine.worker.parallel import on_each_core
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.errors import UserError
from stplay.text import count, printable

EncodedBatch = tuple[Sequence[int], NDArray[np.floating]]

TOKENS_A_BATCH = {"cpu": 768}
GPU_TOKENS_A_BATCH = 16384
BYTES_A_TOKEN = 3
LIBRARY_BATCH = 32


class PreparedSentences(NamedTuple):
    """Sentences ready to be encoded: each distinct one, once.

    ``places`` (sentences,) tells which of them stands in each place of those that were given, and
    ``tokenized`` is ``None`` where the library reads them itself.
    """

    sentences: list[str]
    places: NDArray[np.intp]
    task: Task | None
    tokenized: Tokenized | None

    def share(self, ranks: Ranks) -> PreparedSentences:
        """The part of the distinct sentences that falls to one of several processes."""
        if ranks.size == 1:
            return self
        own, tokenized = slice(ranks.rank, None, ranks.size), self.tokenized
        if tokenized is not None:
            tokenized = Tokenized(tokenized.sentences[own], tokenized.prompt_length)
        return self._replace(sentences=self.sentences[own], tokenized=tokenized)


class NotFiniteError(UserError):
    """Embeddings are not finite; whoever can go on with them takes ``embeddings``.

    They are all that were asked for, of shape (sentences, dimensions).
    """

    def __init__(self, sentence: str, embeddings: NDArray[np.floating]) -> None:
        super().__init__(sentence)
        self.embeddings = embeddings


def checked(
    embeddings: NDArray[np.floating],
    sentences: Sequence[str],
    model: SentenceTransformer,
    name: str = "",
) -> NDArray[np.floating]:
    """The ``embeddings`` that ``model``, called ``name``, gives of ``sentences``.

    Their shape is (sentences, dimensions), their precision any. Whatever leaves the engine comes by
    here: NaN has no order, and so no accuracy or similarity.

    Raises:
        NotFiniteError: some are not finite.
    """
    finite = np.isfinite(embeddings).all(axis=1)
    if finite.all():
        return embeddings
    sentence = sentences[int(np.argmin(finite))]
    why = "its weights are not all finite, as of a training that diverged: "
    why += "take an earlier checkpoint of it, or another model"
    weights = [*model.parameters()]
    if all(bool(each.isfinite().all()) for each in weights):
        why = "its weights are finite: leave that sentence out, or take another model"
        if any(each.dtype == torch.float16 for each in weights):
            why = "its numbers grow too large for float16: take it in another precision"
    raise NotFiniteError(
        f"{f'The model {printable(name)}'.rstrip()} gives numbers that are not finite (NaN), such "
        f"as for {printable(sentence)[:60]!r}; {why}.",
        embeddings,
    )


class SentenceEncoder:
    """Encodes with ``model`` as the library does, each distinct sentence once.

    Sentences are sorted by length and go through the model packed, in batches bounded by tokens,
    where the model can read them so, and else by the library itself, in its own batches.
    ``truncate_dim`` keeps the first numbers of each embedding (Matryoshka); without it the model's
    own setting holds. ``name`` is what people call the model. Where memory runs out, packed
    sentences go on with half as many together, and ``tell`` is told so in a sentence. Each of
    several ``ranks`` encodes a part of what all are given, and all have all embeddings then.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        truncate_dim: int | None = None,
        name: str = "",
        tell: Callable[[str], None] | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.ranks = ranks
        self.model = model
        self.name = name
        self.tell = tell
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

    @cached_property
    def max_tokens(self) -> int | None:
        """The most tokens read of a sentence, special ones too, or ``None`` without a limit."""
        return max_tokens(self.model)

    @property
    def tells_tasks_apart(self) -> bool:
        """Whether a query and a document of the same words may have different embeddings."""
        return tells_tasks_apart(self.model)

    @property
    def needs_task(self) -> bool:
        """Whether only queries and documents can be encoded."""
        return needs_task(self.model)

    def encode(
        self,
        sentences: Sequence[str],
        task: Task | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> NDArray[np.float32]:
        """The embeddings of ``sentences``, float32 of shape (sentences, dimensions).

        They are so whatever the model is in. ``task`` brings the model's prompt
        for queries or documents with it, as the library's ``encode_query`` and
        ``encode_document``. ``progress`` is told the number of distinct sentences encoded so far.

        Raises:
            NotFiniteError: some embeddings are not finite.
        """
        embeddings = self.embed(self.prepare(sentences, task), progress)
        return embeddings.astype(np.float32, copy=False)

    def prepare(
        self, sentences: Sequence[str], task: Task | None = None, *, prompted: bool = True
    ) -> PreparedSentences:
        """What of ``sentences`` need not be done again where they are encoded more than once.

        Unless they are ``prompted``, nothing is put before them, as in a training.

        Raises:
            UserError: the model reads only queries and documents, and ``task`` is neither.
        """
        if task is None and self.needs_task:
            # The library's Router raises a ValueError, which speaks of its arguments.
            raise UserError(
                "The model reads a query in one way and a document in another, and has no way to "
                "read a sentence that is neither: its router has no default route."
            )
        distinct = {sentence: place for place, sentence in enumerate(dict.fromkeys(sentences))}
        places = np.array([distinct[sentence] for sentence in sentences], np.intp)
        tokenized = None
        if self.packed is not None:
            before = prompt(self.model, task) if prompted else None
            tokenized = self.packed.tokenize(list(distinct), before)
        return PreparedSentences(list(distinct), places, task, tokenized)

    def embed(
        self, prepared: PreparedSentences, progress: Callable[[int], None] | None = None
    ) -> NDArray[np.floating]:
        """The embeddings of what was prepared, in the precision in which the library gives them.

        Their shape is (sentences, dimensions), a row for each that was given, also twice. So a
        half-precision model's triplets are judged as there, ties too; else see ``encode``.
        """
        embeddings: NDArray[np.floating] | None = None
        done, size = 0, self.ranks.size
        with closing(self._embed(prepared.share(self.ranks))) as batches:
            for places, encoded in batches:
                if embeddings is None:
                    shape = (len(prepared.sentences), encoded.shape[1])
                    embeddings = np.zeros(shape, encoded.dtype)
                embeddings[self.ranks.rank :: size][places] = encoded
                done += len(places)
                if progress is not None:
                    progress(min(done * size, len(prepared.sentences)))
        if embeddings is None:
            embeddings = np.zeros((len(prepared.sentences), self.dimensions or 0), np.float32)
        embeddings = self.ranks.summed(embeddings)
        sentences = [prepared.sentences[place] for place in prepared.places]
        return checked(embeddings[prepared.places], sentences, self.model, self.name)

    def _embed(self, prepared: PreparedSentences) -> Generator[EncodedBatch, None, None]:
        """Batch by batch, which of the distinct sentences are encoded, and their embeddings."""
        if self.packed is None or prepared.tokenized is None:
            for places in self._batches(prepared.sentences):
                batch = [prepared.sentences[place] for place in places]
                yield places, self._encode_batch(batch, prepared.task)
            return
        yield from self._embed_packed(self.packed, prepared.tokenized)

    def _embed_packed(self, packed: PackedModel, tokenized: Tokenized) -> Iterator[EncodedBatch]:
        """As ``_embed``; where memory runs out, what is left goes on in smaller batches."""
        tokens, told = tokenized.sentences, self.most_tokens
        left = sorted(range(len(tokens)), key=lambda place: -len(tokens[place]))
        while left:
            try:
                with closing(self._embed_in_order(packed, tokenized, left)) as batches:
                    for places, encoded in batches:
                        yield places, encoded
                        left = left[len(places) :]
                        if self.most_tokens < told and self.tell is not None:
                            self.tell(
                                "The memory ran out while sentences were encoded; from there on "
                                f"{count(self.most_tokens)} tokens go through the model together "
                                "at most."
                            )
                        told = self.most_tokens
            except Exception as error:
                lengths = [len(tokens[place]) for place in left]
                if not is_out_of_memory(error) or not self._shrink(lengths):
                    raise
            if left:  # only now: the error and its frames hold what the batch took
                release(self.model.device)

    def _shrink(self, lengths: list[int]) -> bool:
        """Halve what goes through together of sentences of ``lengths``, the longest first.

        ``False`` where each of them is alone already.
        """
        if len(lengths) < 2 or sum(lengths[-2:]) > self.most_tokens:
            return False
        self.most_tokens = min(self.most_tokens, sum(lengths)) // 2
        return True

    def _embed_in_order(
        self, packed: PackedModel, tokenized: Tokenized, order: list[int]
    ) -> Generator[EncodedBatch, None, None]:
        """As ``_embed``, in ``order``; on a CPU many batches go side by side, a core to each."""
        tokens, device = tokenized.sentences, self.model.eval().device
        lengths = [len(tokens[place]) for place in order]
        most, cores = self.most_tokens, 1
        if device.type == "cpu" and sum(lengths) > most:
            cores = torch.get_num_threads()
            rounds = math.ceil(sum(lengths) / (most * cores))
            even = sum(lengths) // (rounds * cores) + lengths[0]  # no core is idle at the end
            most = min(most, even)
        batches = [order[batch.start : batch.stop] for batch in split(lengths, most)]

        def embed(places: list[int]) -> NDArray[np.floating]:
            packing = Packing([tokens[place] for place in places], cells_to_waste(device))
            packing = packing.to(device)
            # As the model is, and not in bf16 even where it is trained so: what is saved is read
            # like this, and triplets whose distances are nearly equal would change sides.
            with torch.inference_mode():
                embeddings = packed.embed(packing, tokenized.prompt_length)
                embeddings = truncate_embeddings(embeddings, self.truncate_dim)
            if embeddings.dtype == torch.bfloat16:  # numpy has no such numbers
                embeddings = embeddings.float()
            return embeddings.cpu().numpy()

        if cores == 1:
            yield from ((places, embed(places)) for places in batches)
            return
        with packed.reading(), closing(on_each_core(embed, batches)) as embedded:
            yield from zip(batches, embedded, strict=True)

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
        """The library's own batches: where padding is not masked, they decide the embeddings."""
        order = np.argsort([-len(sentence) for sentence in sentences]).tolist()
        for first in range(0, len(order), LIBRARY_BATCH):
            yield order[first : first + LIBRARY_BATCH]

    def tokens(self, sentence: str) -> int:
        """About how many tokens ``sentence`` takes, guessed from its length in bytes."""
        guessed = len(sentence.encode()) // BYTES_A_TOKEN + 2
        return min(guessed, self.max_tokens or guessed)
