"""Trainings of somebody else's Trainer, which is given what it is to be told to.

Run as ``python anyonestrainer.py FOLDER END``, it is a script that ends as END says.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.evaluation import (
    EmbeddingSimilarityEvaluator,
    SequentialEvaluator,
    TripletEvaluator,
)
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from smallmodels import random_triplets, small_model
from torch import Tensor
from transformers import TrainerCallback, set_seed

STEPS = 12


class At(TrainerCallback):
    """Does ``work`` after the step ``at``."""

    def __init__(self, at: int, work: Callable[[], object]) -> None:
        self.at, self.work = at, work

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Do it."""
        if state.global_step == self.at:
            self.work()


def trainer(
    folder: Path, callbacks: Sequence[TrainerCallback] = (), **changes: Any
) -> SentenceTransformerTrainer:
    """A Trainer of a small model with dropout, evaluated by two evaluators and its loss."""
    set_seed(3)
    model: SentenceTransformer = small_model(3, folder / "transformer")
    anchors, positives, negatives = map(list, zip(*random_triplets(3, 48), strict=True))
    rows = Dataset.from_dict({"anchor": anchors, "positive": positives, "negative": negatives})
    scores = [number % 5 / 4 for number in range(len(anchors))]
    evaluators = SequentialEvaluator(
        [
            TripletEvaluator(anchors, positives, negatives, name="dev", batch_size=16),
            EmbeddingSimilarityEvaluator(anchors, positives, scores, name="sts"),
        ]
    )
    settings = {
        "max_steps": STEPS,
        "per_device_train_batch_size": 8,
        "logging_steps": 2,
        "eval_strategy": "steps",
        "eval_steps": 6,
        "save_steps": 6,
        "learning_rate": 1e-3,
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
    }
    return SentenceTransformerTrainer(
        model,
        SentenceTransformerTrainingArguments(str(folder / "output"), **(settings | changes)),
        train_dataset=rows,
        eval_dataset=rows,
        loss=MultipleNegativesRankingLoss(model),
        evaluator=evaluators,
        callbacks=[*callbacks],
    )


def weights(trained: SentenceTransformerTrainer) -> dict[str, Tensor]:
    """What a training has made of its model."""
    assert trained.model is not None
    return {name: each.detach().clone() for name, each in trained.model.state_dict().items()}


def _end(how: str) -> None:
    match how:
        case "raised":
            raise RuntimeError("the data is odd")
        case "interrupted":
            os.kill(os.getpid(), signal.SIGINT)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "left":
            sys.exit(3)


if __name__ == "__main__":
    import stplay

    place, end = sys.argv[1:]
    trainer(Path(place), [stplay.StplayCallback(end), At(4, partial(_end, end))]).train()
