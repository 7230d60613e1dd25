"""The library's trainer, which also counts, and tells what is not finite."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sentence_transformers import SentenceTransformerTrainer
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR
from transformers.trainer_utils import EvalLoopOutput

from stplay.engine.evaluation.evaluators import Evaluator
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.jobs.events import Control

Batch = dict[str, Any]


class CountingTrainer(SentenceTransformerTrainer):
    """The library's trainer, which also counts the triplets and tokens it has trained on.

    It tells a loss that is not finite, which the library's hides in the mean of those before it.
    """

    evaluator: Evaluator | None
    ranks: Ranks = ALONE
    asked: Collection[Control] = ()  # that the others of the ranks are to know of
    samples_seen = 0
    tokens_seen: Tensor | int = 0

    def _run_epoch(self, *arguments: Any, **named: Any) -> Any:
        self._hide_nothing()
        return super()._run_epoch(*arguments, **named)

    def evaluation_loop(self, *arguments: Any, **named: Any) -> EvalLoopOutput:
        """The library's evaluation, its loss not finite where that of a batch is not."""
        self._hide_nothing()
        return super().evaluation_loop(*arguments, **named)

    def _hide_nothing(self) -> None:
        # Not before the training has begun: that is when the model card takes the arguments. A GPU
        # would also have to be waited for in each step, to see whether its loss is finite.
        self.args.logging_nan_inf_filter = False

    @property
    def scales(self) -> bool:
        """Whether losses are scaled, as in fp16; a gradient that is then not finite skips a step.

        The next ones have a smaller scale.
        """
        return self.accelerator.scaler is not None

    def _load_scaler(self, checkpoint: str | None) -> None:
        """The scale of the losses so far, where losses are scaled on this machine too."""
        if self.scales:
            super()._load_scaler(checkpoint)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Load them; of a run that is longer now, the rate is where the longer schedule stands."""
        super()._load_optimizer_and_scheduler(checkpoint)
        scheduler = self.lr_scheduler
        if checkpoint is None or not isinstance(scheduler, LambdaLR):
            return
        scales = [scale(scheduler.last_epoch) for scale in scheduler.lr_lambdas]
        rates = [rate * scale for rate, scale in zip(scheduler.base_lrs, scales, strict=True)]
        for group, rate in zip(scheduler.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        scheduler._last_lr = rates

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Tell ``logs``; a loss that was not finite does not spoil the figures after it."""
        if "loss" in logs:
            self._tr_loss.zero_()  # the library has subtracted it from itself
        super().log(logs, start_time)

    def training_step(self, model: Any, inputs: Batch, num_items_in_batch: Any = None) -> Tensor:
        """One batch of a step; the counts stay on the device, so that nothing waits for them."""
        self._count(inputs)
        return self._take(model, inputs, num_items_in_batch)

    def _take(self, model: Any, inputs: Batch, num_items_in_batch: Any) -> Tensor:
        return super().training_step(model, inputs, num_items_in_batch)

    def _count(self, inputs: Batch) -> None:
        # A static embedding has offsets and no mask; a bag of words has only its counts.
        of_rows = ("offsets", "attention_mask", "input_ids", "sentence_embedding")
        self.samples_seen += next(
            len(value) for end in of_rows for name, value in inputs.items() if name.endswith(end)
        )
        for name, ids in inputs.items():
            if name.endswith("input_ids"):
                mask = inputs.get(name.removesuffix("input_ids") + "attention_mask")
                self.tokens_seen = self.tokens_seen + (ids.numel() if mask is None else mask.sum())
