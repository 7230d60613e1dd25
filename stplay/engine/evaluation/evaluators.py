"""What evaluates the splits of a training, and the event that tells of it."""

from __future__ import annotations

from typing import Any

from transformers import TrainerState

from stplay.engine.data.triplets import Split
from stplay.engine.evaluation.pairevaluator import PairEvaluator
from stplay.engine.evaluation.tripletevaluator import TripletEvaluator
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.engine.worker.stages import Stages
from stplay.jobs.events import Evaluated
from stplay.similarities import SIMILARITIES

Evaluator = TripletEvaluator | PairEvaluator


def evaluator_of(
    split: Split, batch_size: int, stages: Stages, encoder: SentenceEncoder | None
) -> Evaluator:
    """The evaluator of ``split``; the library encodes ``batch_size`` sentences together."""
    if not split.negatives:
        return PairEvaluator(split, stages, encoder)
    return TripletEvaluator.of_split(split, batch_size, stages, encoder)


def evaluated(
    evaluator: Evaluator, split: str, metrics: dict[str, float], state: TrainerState
) -> Evaluated:
    """The event of an evaluation; ``metrics`` may carry the trainer's prefix in their names."""
    names = (*(f"{name}_accuracy" for name in SIMILARITIES), "max_accuracy")
    accuracies: dict[str, Any] = {
        name: value
        for key, value in metrics.items()
        if (name := key.rpartition(f"{evaluator.name}_")[2]) in names
    }
    return Evaluated(
        step=state.global_step,
        epoch=state.epoch or 0.0,
        split="dev" if split == "dev" else "test",
        data=evaluator.name,
        rows=evaluator.rows,
        loss=metrics.get("eval_loss"),
        **accuracies,
    )
