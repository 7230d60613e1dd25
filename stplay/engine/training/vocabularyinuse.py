"""Only the rows of the word embeddings that the sentences at hand use.

Without weight decay a row that no sentence uses never changes, so that it needs no gradient, no
optimizer state and no clipping. The whole table waits until it is saved: where it was loaded from
safetensors, in that file, which is mapped and not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from stplay.errors import UserError


class EmbeddingInUse(nn.Embedding):
    """Some rows of ``whole``, looked up by the ids of all."""

    def __init__(self, whole: nn.Embedding, used: Tensor) -> None:
        """Take the rows ``used``, an int64 tensor (rows,) of ids in order."""
        with torch.no_grad():
            rows = whole(used.to(whole.weight.device))  # asked first, as it may refuse
        places = torch.full((whole.num_embeddings,), -1, dtype=torch.int32)
        places[used] = torch.arange(len(used), dtype=torch.int32)
        padding = None if whole.padding_idx is None else int(places[whole.padding_idx])
        super().__init__(len(used), whole.embedding_dim, padding, _weight=rows)
        self.places = nn.Buffer(places.to(rows.device), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """The rows of the token ids ``input``, (...), of shape (..., width)."""
        return nn.functional.embedding(self.places[input], self.weight, self.padding_idx)


class WholeEmbedding(nn.Embedding):
    """All rows of a ``table`` (rows, width), which stays in the machine's memory.

    Where the model is, is asked of its first parameter, and the library moves the model there when
    it encodes, as it does for a model card. So the table is no parameter, and is not moved.
    """

    def __init__(self, table: Tensor, padding: int | None) -> None:
        super().__init__(table.shape[0], table.shape[1], padding, _weight=table)
        del self.weight
        self.weight: Any = nn.Buffer(table)

    def _apply(self, fn: Any, recurse: bool = True) -> WholeEmbedding:
        return self

    def forward(self, input: Tensor) -> Tensor:
        """The rows of the token ids ``input``, (...), of shape (..., width), beside ``input``."""
        return super().forward(input.to(self.weight.device)).to(input.device)


class VocabularyInUse:
    """The word embeddings of ``transformer``, narrowed to the rows ``used``."""

    def __init__(self, transformer: Any, used: NDArray[np.integer]) -> None:
        """Narrow them to the ids ``used`` (rows,); the model goes on taking the ids it knows."""
        whole: nn.Embedding = transformer.get_input_embeddings()
        self.transformer = transformer
        self.padding_id = whole.padding_idx
        if whole.padding_idx is not None:
            used = np.union1d(used, [whole.padding_idx])
        self.used = torch.from_numpy(used.astype(np.int64))
        self.narrow = EmbeddingInUse(whole, self.used)
        self.table = whole.weight.detach().cpu()
        transformer.set_input_embeddings(self.narrow)

    @contextmanager
    def reading(self, ids: NDArray[np.integer]) -> Iterator[None]:
        """The model with the rows ``ids`` (rows,) as they are now, also those that are not in use.

        So it reads sentences that it is not trained on.

        Raises:
            UserError: there is no row of one of them.
        """
        if len(ids) and ids.max() >= len(self.table):
            raise UserError("The model has no embedding of one of their tokens.")
        if self.padding_id is not None:
            ids = np.union1d(ids, [self.padding_id])
        rows = torch.from_numpy(ids.astype(np.int64))
        device = self.narrow.weight.device
        read = EmbeddingInUse(WholeEmbedding(self.table, self.padding_id), rows).to(device)
        places = self.narrow.places[rows.to(device)]
        with torch.no_grad():
            trained = places >= 0
            read.weight[trained] = self.narrow.weight[places[trained]]
        self.transformer.set_input_embeddings(read)
        try:
            yield
        finally:
            self.transformer.set_input_embeddings(self.narrow)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """The model with all rows, those in use as they are trained, to be saved.

        They stay in the machine's memory, as a GPU may have none left for them, and all else stays
        where it is: what is recorded on a GPU reads it there.
        """
        self.table[self.used] = self.narrow.weight.detach().cpu()
        whole = WholeEmbedding(self.table, self.padding_id)
        self.transformer.set_input_embeddings(whole)
        try:
            yield
        finally:
            self.transformer.set_input_embeddings(self.narrow)
