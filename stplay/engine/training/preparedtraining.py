"""A training that is about to begin or to go on, and what there is to tell of it by then."""

from __future__ import annotations

from dataclasses import dataclass

from stplay.engine.evaluation.evaluators import Evaluator
from stplay.engine.models.basemodel import BaseModel
from stplay.engine.training.countingtrainer import CountingTrainer
from stplay.engine.training.fastpath import FastPath
from stplay.engine.training.loss import reads_in_pieces
from stplay.engine.training.probes import Probes
from stplay.engine.training.resumption import Resumption
from stplay.engine.training.stockpath import StockPath
from stplay.engine.training.trainingarguments import Precision
from stplay.engine.training.trainingdata import TrainingData
from stplay.engine.worker.device import device_name
from stplay.engine.worker.libraries import versions
from stplay.engine.worker.ranks import Ranks
from stplay.jobs.events import Epoch, Fingerprints, RunStarted
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.runs.traininglog import epoch_warning


@dataclass
class PreparedTraining:
    """All that the steps of ``run`` need.

    ``past`` is what it goes on from, ``epoch`` what its first epoch takes of ``data``. ``base`` has
    as many ``parameters``, whatever part of them ``path`` lets ``trainer`` train. This process is
    one of the ``ranks``, and the first of them has ``probes`` where the training is evaluated.
    """

    run: Run
    recipe: Recipe
    past: Resumption
    precision: Precision
    data: TrainingData
    epoch: Epoch
    base: BaseModel
    base_fingerprint: str | None
    parameters: int
    path: FastPath | StockPath
    evaluators: dict[str, Evaluator]
    trainer: CountingTrainer
    probes: Probes | None
    ranks: Ranks

    def started(self, total_steps: int) -> RunStarted:
        """All that is decided before the first of ``total_steps``."""
        return RunStarted(
            recipe=self.recipe.to_dict(),
            base=self.past.base_name(self.base.name),
            device=device_name(self.trainer.args.device),
            precision=self.precision,
            versions=versions(),
            rows=self.data.rows,
            skipped_rows=self.data.skipped_rows,
            negatives=self.data.negatives,
            synthetic=self.data.train.synthetic,
            total_steps=total_steps,
            parameters=self.parameters,
            engine=self.path.engine,
            fingerprints=Fingerprints(base=self.base_fingerprint, rows=self.data.fingerprints),
            epoch=self.epoch,
            processes=self.ranks.size,
            machines=self.ranks.place.machines,
        )

    def notes(self) -> list[str]:
        """What people should know of it."""
        notes = [*self.past.notes, *self.base.notes]
        if warning := epoch_warning(self.epoch, self.data.rows["train"], self.data.train.negatives):
            notes.append(warning)
        if why := self.path.engine.why:
            notes.append(f"The library's own path is taken for the training, as {why}.")
        if not reads_in_pieces(self.base.model):
            notes.append(
                "The training's loss is MultipleNegativesRankingLoss, without a cache, as a static "
                "embedding reads a batch in one piece; loss.mini_batch_size changes nothing."
            )
        return notes + self.data.remarks + (self.probes.notes if self.probes else [])
