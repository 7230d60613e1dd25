"""The embeddings of the columns of a split, as evaluations take them during a training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from stplay.engine.packed.sentenceencoder import NotFiniteError, PreparedSentences, SentenceEncoder


class ColumnEmbeddings:
    """The embeddings of ``columns`` by an ``encoder``: anchors, positives, and any negatives.

    Each distinct sentence is tokenized and encoded once. ``finite`` tells whether all were numbers.
    """

    def __init__(self, encoder: SentenceEncoder, columns: Sequence[Sequence[str]]) -> None:
        self.encoder = encoder
        self.columns = columns
        self.last: list[NDArray[np.floating]] = []
        """Those that were made last, of shape (rows, dimensions) for each column."""
        self.finite = True
        self._prepared: list[PreparedSentences] = []

    def embed(self, tell: Callable[[int, int], None]) -> None:
        """Make them; ``tell`` hears how many sentences are encoded, and of how many."""
        if not self._prepared:
            anchors, *others = map(list, self.columns)
            documents = [*chain(*others)]
            if self.encoder.tells_tasks_apart:
                self._prepared = [
                    self.encoder.prepare(anchors, "query"),
                    self.encoder.prepare(documents, "document"),
                ]
            else:
                self._prepared = [self.encoder.prepare(anchors + documents, "query")]
        total, before = sum(len(prepared.sentences) for prepared in self._prepared), 0
        self.finite, embeddings = True, []
        for prepared in self._prepared:

            def tell_all(done: int, before: int = before) -> None:
                tell(before + done, total)

            embeddings.append(self._taken(partial(self.encoder.embed, prepared, tell_all)))
            before += len(prepared.sentences)
        self.last = np.split(np.concatenate(embeddings), len(self.columns))

    def for_training(self) -> list[NDArray[np.floating]]:
        """Those of each column as a training loss takes them, of shape (rows, dimensions).

        They are those made last, unless they had prompts or were cut to fewer dimensions, as a
        training's are not.
        """
        model = self.encoder.model
        if self.encoder.truncate_dim is None and not any(model.prompts.values()):
            return self.last
        whole = SentenceEncoder(model, tell=self.encoder.tell, ranks=self.encoder.ranks)
        whole.truncate_dim, whole.most_tokens = None, self.encoder.most_tokens
        prepared = whole.prepare([*chain(*self.columns)], prompted=False)
        return np.split(self._taken(lambda: whole.embed(prepared)), len(self.columns))

    def _taken(self, embed: Callable[[], NDArray[np.floating]]) -> NDArray[np.floating]:
        try:
            return embed()
        except NotFiniteError as error:
            self.finite = False
            return error.embeddings
