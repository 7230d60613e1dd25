"""The library's trainer, and the same trainer over packed sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers.sentence_transformer.data_collator import (
    SentenceTransformerDataCollator,
)
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader
from transformers.trainer_utils import EvalLoopOutput

from stplay.engine.evaluation.tripletevaluator import TripletEvaluator
from stplay.engine.packed.packing import GPU_MOST_WASTED_CELLS, Bucket, Packing, split
from stplay.engine.training.loss import PackedRankingLoss
from stplay.engine.training.numberedtriplets import NumberedTriplets
from stplay.engine.training.tokens import TokenizedSplit
from stplay.engine.training.vocabularyinuse import VocabularyInUse
from stplay.sources.datasources import COLUMNS


class CountingTrainer(SentenceTransformerTrainer):
    """The library's trainer, which also counts the triplets and tokens it has trained on.

    It tells a loss that is not finite, which the library's hides in the mean of those before it.
    """

    evaluator: TripletEvaluator | None
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

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Tell ``logs``; a loss that was not finite does not spoil the figures after it."""
        if "loss" in logs:
            self._tr_loss.zero_()  # the library has subtracted it from itself
        super().log(logs, start_time)

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> Tensor:
        """One step; the counts stay on the device, so that nothing waits for them."""
        self._count(inputs)
        return super().training_step(model, inputs, num_items_in_batch)

    def _count(self, inputs: dict[str, Any]) -> None:
        # A static embedding has offsets and no mask; a bag of words has only its counts.
        of_rows = ("offsets", "attention_mask", "input_ids", "sentence_embedding")
        self.samples_seen += next(
            len(value) for end in of_rows for name, value in inputs.items() if name.endswith(end)
        )
        for name, ids in inputs.items():
            if name.endswith("input_ids"):
                mask = inputs.get(name.removesuffix("input_ids") + "attention_mask")
                self.tokens_seen = self.tokens_seen + (ids.numel() if mask is None else mask.sum())


@dataclass
class PackedCollator(SentenceTransformerDataCollator):
    """Packs the token ids of a batch: at most ``most_tokens`` together, or a sentence alone.

    For a GPU, a batch so small that the launches of its kernels take the time has a bucket's shape.
    """

    most_tokens: int = 1
    on_gpu: bool = False

    def __call__(self, features: list[dict[str, Any]]) -> dict[str, list[Packing]]:
        """The packings of a batch: all its anchors, then its positives, then its negatives."""
        sentences = [row[column] for column in COLUMNS for row in features]
        lengths = [len(sentence) for sentence in sentences]
        ranges = [*split(lengths, self.most_tokens)]
        if not self.on_gpu:
            return {"packings": [Packing(sentences[each.start : each.stop]) for each in ranges]}
        bucket = Bucket.of(lengths)
        # What is recorded keeps its memory, and steps that are not need as much again.
        fits = 2 * bucket.tokens <= self.most_tokens
        if not fits or bucket.cells > GPU_MOST_WASTED_CELLS:
            bucket = None
        packings = [
            Packing(sentences[each.start : each.stop], GPU_MOST_WASTED_CELLS, bucket)
            for each in ranges
        ]
        return {"packings": packings}


class PackedTrainer(CountingTrainer):
    """The library's trainer, its steps and evaluations over packed sentences.

    Batches, their order, the optimizer and its schedule are the library's: it is given the
    triplets, and here their token ids take their place.
    """

    def __init__(
        self,
        *,
        packed_loss: PackedRankingLoss,
        tokenized: TokenizedSplit,
        most_tokens: int,
        vocabulary: VocabularyInUse | None,
        **arguments: Any,
    ) -> None:
        """``arguments`` are those of the library's trainer, its own loss among them."""
        model = arguments["model"]
        collator = PackedCollator(
            preprocess_fn=model.preprocess,
            most_tokens=most_tokens,
            on_gpu=model.device.type == "cuda",
        )
        super().__init__(**arguments, data_collator=collator)
        # Only now: the library has written its model card from its own loss and the triplets.
        self.loss = packed_loss
        self.triplets = self.train_dataset
        self.train_dataset = tokenized.rows
        self.vocabulary = vocabulary

    def get_batch_sampler(self, dataset: Dataset, *arguments: Any, **named: Any) -> Any:
        """The library's sampler, which tells duplicates by the sentences, not by their tokens."""
        sampled: Any = dataset
        if dataset is self.train_dataset:
            sampled = NumberedTriplets(self.triplets)
        return super().get_batch_sampler(sampled, *arguments, **named)

    def collect_features(self, inputs: dict[str, Any]) -> tuple[list[Any], None]:
        """The packings of a batch, and no labels."""
        return inputs["packings"], None

    def _count(self, inputs: dict[str, Any]) -> None:
        packings: list[Packing] = inputs["packings"]
        self.samples_seen += sum(map(len, packings)) // len(COLUMNS)
        self.tokens_seen = self.tokens_seen + sum(sum(packing.lengths) for packing in packings)

    def get_optimizer_cls_and_kwargs(self, args: Any, model: Any = None) -> tuple[Any, Any]:
        """The library's optimizer, AdamW in its fused form, which computes the same."""
        kind, settings = super().get_optimizer_cls_and_kwargs(args, model)
        return kind, settings | {"fused": True} if kind is torch.optim.AdamW else settings

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """The loss of the library's batches and all accuracies, of the same embeddings."""
        assert self.evaluator is not None
        metrics = self.evaluator(
            self.model, epoch=self.state.epoch or 0.0, steps=self.state.global_step
        )
        columns = [
            torch.from_numpy(column).to(self.args.device)
            for column in self.evaluator.training_embeddings()
        ]
        total = torch.zeros((), device=self.args.device)
        rows = 0
        with torch.no_grad():
            for batch in _batches(dataloader):
                of_batch = torch.cat([column[batch] for column in columns])
                total += self.loss.calculate_loss([[of_batch]]) * len(batch)
                rows += len(batch)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        metrics[f"{metric_key_prefix}_loss"] = (total / rows).item()
        return EvalLoopOutput(np.empty(0), None, metrics, rows)

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        """Nothing: the model that is resumed was made from its checkpoint."""

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        if self.vocabulary is None:
            super()._save(output_dir, state_dict)
            return
        with self.vocabulary.whole():
            super()._save(output_dir, state_dict)


def _batches(dataloader: DataLoader) -> Iterator[list[int]]:
    sampler = dataloader.batch_sampler
    assert isinstance(sampler, BatchSampler)
    return iter(sampler)
