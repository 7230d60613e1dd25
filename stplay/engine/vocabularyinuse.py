"""Only the rows of the word embeddings that the sentences at hand use.

Without weight decay a row that no sentence uses never changes, so that it needs no gradient, no
optimizer state and no clipping. The whole table waits in a file until it is saved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class EmbeddingInUse(nn.Embedding):
    """Some rows of ``whole``, looked up by the ids of all."""

    def __init__(self, whole: nn.Embedding, used: Tensor) -> None:
        """Take the rows ``used`` (ids, in order)."""
        places = torch.full((whole.num_embeddings,), -1, dtype=torch.int32)
        places[used] = torch.arange(len(used), dtype=torch.int32)
        padding = None if whole.padding_idx is None else int(places[whole.padding_idx])
        rows = whole.weight.detach()[used.to(whole.weight.device)].clone()
        super().__init__(len(used), whole.embedding_dim, padding, _weight=rows)
        self.places = nn.Buffer(places.to(rows.device), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        """The rows of the token ids ``input``."""
        return nn.functional.embedding(self.places[input], self.weight, self.padding_idx)


class VocabularyInUse:
    """The word embeddings of ``transformer``, narrowed to the rows ``used``."""

    def __init__(self, transformer: Any, used: NDArray[np.integer], table: Path) -> None:
        """Narrow them; the whole table goes into the file ``table``."""
        whole: nn.Embedding = transformer.get_input_embeddings()
        self.transformer, self.table = transformer, table
        self.shape, self.dtype, self.padding = whole.weight.shape, whole.weight.dtype, None
        self.padding = whole.padding_idx
        if whole.padding_idx is not None:
            used = np.union1d(used, [whole.padding_idx])
        self.used = torch.from_numpy(used.astype(np.int64))
        table.parent.mkdir(parents=True, exist_ok=True)
        # Written, not mapped: on a full disk, writing to mapped memory kills the process.
        whole.weight.detach().cpu().view(torch.uint8).numpy().tofile(table)
        self.narrow = EmbeddingInUse(whole, self.used)
        transformer.set_input_embeddings(self.narrow)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """The model with all rows, those in use as they are trained, to be saved."""
        rows = torch.from_numpy(np.fromfile(self.table, np.uint8)).view(self.dtype).view(self.shape)
        rows[self.used] = self.narrow.weight.detach().cpu()
        embedding = nn.Embedding.from_pretrained(rows, padding_idx=self.padding)
        self.transformer.set_input_embeddings(embedding)
        try:
            yield
        finally:
            self.transformer.set_input_embeddings(self.narrow)

    def close(self) -> None:
        """Remove the file of the whole table."""
        self.table.unlink(missing_ok=True)
