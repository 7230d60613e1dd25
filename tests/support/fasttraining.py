"""A training of the fast engine in this process, which can be changed before it begins."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer import losses
from smallmodels import small_model
from torch import Tensor, nn

from stplay.engine.data.triplets import load_split
from stplay.engine.training.fastpath import FastPath
from stplay.engine.training.trainer import PackedTrainer
from stplay.engine.training.trainingarguments import Precision, training_arguments
from stplay.engine.worker.eventsink import EventSink
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.engine.worker.stages import Stages
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import RunStarted
from stplay.runs import recipe

NOWHERE = EventWriter(Path(os.devnull))


class FastTraining:
    """Trains ``model``, or a small one, on ``train.jsonl`` in ``folder``.

    ``training`` are settings of the recipe.
    """

    def __init__(
        self,
        folder: Path,
        *,
        model: SentenceTransformer | None = None,
        events: EventSink = NOWHERE,
        dropout: float = 0.0,
        precision: Precision = "float32",
        begun: RunStarted | None = None,
        mini_batch_size: int | None = None,
        ranks: Ranks = ALONE,
        **training: Any,
    ) -> None:
        common = {"max_steps": 12, "per_device_train_batch_size": 8, "logging_steps": 1}
        values = {
            "data": {"train": str(folder), "dev": None, "test": None},
            "loss": {"mini_batch_size": mini_batch_size},
            "training": common | {"learning_rate": 1e-3} | training,
        }
        self.folder, self.recipe, stages = folder, recipe.build(values, "test"), Stages(events)
        self.model = model or small_model(3, folder / "transformer")
        for module in self.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = dropout
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("STPLAY_HOME", str(folder / "home"))
            self.split = load_split(str(folder), "train", None, stages)
            splits = {"train": self.split}
            self.fast = FastPath(self.recipe, self.model, splits, precision, stages, begun, ranks)

    @cached_property
    def trainer(self) -> PackedTrainer:
        """The trainer, made once the path is as it is to be."""
        checkpoints = self.folder / "checkpoints"
        return self.fast.trainer(
            model=self.model,
            args=training_arguments(self.recipe, self.model, "float32", checkpoints),
            train_dataset=self.split.triplets,
            loss=losses.CachedMultipleNegativesRankingLoss(self.model),
        )

    @property
    def loss(self) -> Any:
        """The loss that is trained."""
        return self.trainer.loss

    @property
    def losses(self) -> list[float]:
        """The losses that were logged."""
        return [line["loss"] for line in self.trainer.state.log_history if "loss" in line]

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights by their names."""
        return {name: each.detach() for name, each in self.model.state_dict().items()}
