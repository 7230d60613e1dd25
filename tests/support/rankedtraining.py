"""A training that each of several processes makes anew, the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fasttraining import FastTraining
from sentence_transformers import SentenceTransformer
from torch import Tensor

from stplay.engine.worker.ranks import ALONE, Ranks

STEPS = 6

Trained = tuple[list[float], dict[str, Tensor], int]


@dataclass(frozen=True)
class RankedTraining:
    """Trains ``model`` on the triplets in ``folder``, with ``changes`` of its settings."""

    folder: Path
    model: SentenceTransformer
    changes: Mapping[str, Any] = field(default_factory=dict)

    def made(self, ranks: Ranks = ALONE) -> FastTraining:
        """The training, which nobody has begun."""
        changes = dict(self.changes)
        most_tokens, only_on = changes.pop("most_tokens", None), changes.pop("only_on", None)
        made = FastTraining(
            self.folder, model=deepcopy(self.model), ranks=ranks, max_steps=STEPS, **changes
        )
        if most_tokens is not None and only_on in (None, ranks.rank):
            made.trainer.collator.most_tokens = most_tokens
        return made

    def __call__(self, ranks: Ranks = ALONE) -> Trained:
        """The losses, the weights, and how many samples were seen."""
        made = self.made(ranks)
        made.trainer.train()
        return made.losses, made.weights, made.trainer.samples_seen
