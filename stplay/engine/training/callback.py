"""What happens in the library's trainer, turned into events."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from stplay.engine.evaluation.evaluators import evaluated
from stplay.engine.training.checkpointfiles import thin_out
from stplay.engine.training.countingtrainer import CountingTrainer
from stplay.engine.training.probes import Probes
from stplay.engine.worker.stages import Stages
from stplay.jobs import manifest
from stplay.jobs.events import CheckpointSaved, TrainLogged
from stplay.runs.diskuse import folder_bytes
from stplay.runs.series import TRAINING_STAGE

TRAINING_SECONDS_BETWEEN = 1.0


class EventCallback(TrainerCallback, ExportableState):
    """Writes the trainer's progress as events, and keeps checkpoints in bounds.

    Its state goes into every checkpoint: the loss summed up since the last log line, without
    which the first line after a resume would be the mean of fewer steps than it should be.
    """

    def __init__(
        self,
        trainer: CountingTrainer,
        stages: Stages,
        on_begin: Callable[[TrainerState], None],
        probes: Probes | None = None,
    ) -> None:
        """``on_begin`` is called once, before the first step; evaluations tell ``probes`` too."""
        self.trainer = trainer
        self.stages = stages
        self.events = stages.events
        self.on_begin = on_begin
        self.probes = probes
        self.dev = trainer.evaluator
        self.folder = Path(str(trainer.args.output_dir))
        self.steps = Stages(self.events, TRAINING_SECONDS_BETWEEN)
        self._counted = (time.monotonic(), 0, 0.0)
        self._predicted = 0
        self._begun = False

    def state(self) -> dict[str, dict[str, Any]]:
        """What a checkpoint keeps of this callback."""
        attributes = {}
        if self._begun:  # the trainer also asks before it has a loss
            attributes = {
                "loss_since_logged": float(self.trainer._tr_loss),
                "step_last_logged": self.trainer._globalstep_last_logged,
            }
        return {"args": {}, "attributes": attributes}

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Restore the loss of the steps before the resume and announce the run."""
        trainer = self.trainer
        self._begun = True
        state.compute_steps(args, state.max_steps)  # a checkpoint's are those it was begun with
        saved: Any = state.stateful_callbacks
        if state.global_step and type(self).__name__ in saved:
            attributes = saved[type(self).__name__]["attributes"]
            trainer._tr_loss = trainer._tr_loss + attributes["loss_since_logged"]
            trainer._globalstep_last_logged = attributes["step_last_logged"]
        self.on_begin(state)
        self._counted = (time.monotonic(), 0, 0.0)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell where the training stands; the first call tells that it has begun."""
        self.steps.progress(TRAINING_STAGE, state.global_step, state.max_steps, "steps")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell that the last step is taken."""
        if state.global_step == state.max_steps:
            self.steps.progress(TRAINING_STAGE, state.global_step, state.max_steps, "steps")

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell the training loss and the speed since the last log line."""
        if not logs or "loss" not in logs:
            return
        trainer = self.trainer
        now, samples, tokens = time.monotonic(), trainer.samples_seen, float(trainer.tokens_seen)
        then, samples_then, tokens_then = self._counted
        seconds = max(now - then, 1e-9)
        self._counted = (now, samples, tokens)
        loss, gradient_norm = _finite(logs["loss"]), logs.get("grad_norm")
        self.events.write(
            TrainLogged(
                step=state.global_step,
                epoch=state.epoch or 0.0,
                loss=loss,
                learning_rate=logs["learning_rate"],
                gradient_norm=None if gradient_norm is None else _finite(gradient_norm),
                samples_per_second=(samples - samples_then) / seconds,
                tokens_per_second=(tokens - tokens_then) / seconds,
            )
        )

    def on_prediction_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell how much of the evaluation loss is computed."""
        if self.dev is None:
            return
        self._predicted += 1
        rows = self.dev.rows
        done = min(self._predicted * args.eval_batch_size, rows)
        self.stages.progress(f"loss on {self.dev.name}", done, rows, "rows")

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        metrics: dict[str, float] | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell the accuracies and the probes; the clock of the speed leaves the evaluation out."""
        self._predicted = 0
        if self.dev is not None and metrics is not None:
            self.events.write(evaluated(self.dev, "dev", metrics, state))
        if self.probes is not None and (encoded := self.probes.encoded(state)) is not None:
            self.events.write(encoded)
        trainer = self.trainer
        self._counted = (time.monotonic(), trainer.samples_seen, float(trainer.tokens_seen))

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Bring this checkpoint to the disk, thin out older ones, and tell that it is whole."""
        if not self.trainer.ranks.is_first:
            return
        manifest.record(self.folder / f"checkpoint-{state.global_step}")
        checkpoints = thin_out(self.folder)
        trainer = self.trainer
        self.events.write(
            CheckpointSaved(
                step=state.global_step,
                path=f"{self.folder.name}/checkpoint-{state.global_step}",
                kept=len(checkpoints),
                disk_bytes=folder_bytes(self.folder),
                finite=is_finite(trainer.model) and math.isfinite(trainer._tr_loss),
            )
        )


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def is_finite(model: torch.nn.Module) -> bool:
    """Whether every weight of ``model`` is a number, neither infinite nor undefined."""
    bounds = [
        torch.stack(torch.aminmax(weights.detach()))
        for weights in model.parameters()
        if weights.numel()
    ]
    return bool(torch.isfinite(torch.stack(bounds)).all())
