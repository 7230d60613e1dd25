"""The library's trainer over packed sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers.sentence_transformer.data_collator import (
    SentenceTransformerDataCollator,
)
from torch import Tensor, nn
from torch.utils.data import BatchSampler, DataLoader
from transformers.trainer_utils import EvalLoopOutput

from stplay.engine.packed.packing import (
    GPU_MOST_WASTED_CELLS,
    MOST_RECORDED_CELLS,
    Bucket,
    Packing,
    TokenIds,
    shared_out,
    split,
)
from stplay.engine.training.countingtrainer import Batch, CountingTrainer
from stplay.engine.training.loss import PackedRankingLoss
from stplay.engine.training.numberedtriplets import NumberedTriplets
from stplay.engine.training.randomstate import RandomState
from stplay.engine.training.tokens import TokenizedSplit
from stplay.engine.training.vocabularyinuse import VocabularyInUse
from stplay.engine.worker.eventsink import EventSink
from stplay.engine.worker.outofmemory import is_out_of_memory, release
from stplay.engine.worker.place import NO_OTHERS, Place
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.jobs.events import PackingShrunk


@dataclass
class PackedCollator(SentenceTransformerDataCollator):
    """Packs the token ids of a batch: at most ``most_tokens`` together, or a sentence alone.

    For a GPU, a batch so small that the launches of its kernels take the time has a bucket's shape.
    Of several processes, the one at ``place`` packs its share, neighbours of those of the others.
    """

    most_tokens: int = 1
    on_gpu: bool = False
    place: Place = NO_OTHERS

    def __call__(self, features: list[dict[str, Any]]) -> Batch:
        """The packings of a batch: all its anchors, all positives, then negative by negative.

        ``counts`` are the numbers of sentences that each rank has of it, ``tokens`` all that it
        has.
        """
        sentences = [row[column] for column in features[0] for row in features]
        lengths = [len(sentence) for sentence in sentences]
        shares = shared_out(lengths, self.place.size)
        own = shares[self.place.rank]
        return {
            "packings": self.pack(sentences[own.start : own.stop]),
            "counts": [*map(len, shares)],
            "tokens": sum(lengths),
        }

    def pack(self, sentences: list[TokenIds]) -> list[Packing]:
        """The packings of ``sentences``, in their order."""
        if not sentences:
            return []
        lengths = [len(sentence) for sentence in sentences]
        ranges = [*split(lengths, self.most_tokens)]
        if not self.on_gpu:
            return [Packing(sentences[each.start : each.stop]) for each in ranges]
        bucket = Bucket.of(lengths)
        # What is recorded keeps its memory, and steps that are not need as much again.
        fits = 2 * bucket.tokens <= self.most_tokens
        if not fits or bucket.cells > MOST_RECORDED_CELLS:
            bucket = None
        return [
            Packing(sentences[each.start : each.stop], GPU_MOST_WASTED_CELLS, bucket)
            for each in ranges
        ]


class PackedTrainer(CountingTrainer):
    """The library's trainer, its steps and evaluations over packed sentences.

    Batches, their order, the optimizer and its schedule are the library's: it is given the
    triplets, and here their token ids take their place. Where memory runs out, the step is taken
    again in smaller packings, which gradient caching makes exact, but for what dropout draws.

    Each of several processes sees all batches and takes its share of each: the gradients of all
    are summed before they are clipped, so that each takes the same step, that of one alone. Where
    memory runs out for one of them, all take the step again, in packings of the same size.
    """

    def __init__(
        self,
        *,
        packed_loss: PackedRankingLoss,
        tokenized: TokenizedSplit,
        most_tokens: int,
        vocabulary: VocabularyInUse | None,
        events: EventSink,
        ranks: Ranks = ALONE,
        **arguments: Any,
    ) -> None:
        """``arguments`` are those of the library's trainer, its own loss among them.

        ``events`` are told where memory ran out.
        """
        model = arguments["model"]
        self.collator = PackedCollator(
            preprocess_fn=model.preprocess,
            most_tokens=most_tokens,
            on_gpu=model.device.type == "cuda",
            place=ranks.place,
        )
        super().__init__(**arguments, data_collator=self.collator)
        # Only now: the library has written its model card from its own loss and the triplets.
        self.loss = packed_loss
        self.triplets = self.train_dataset
        self.train_dataset = tokenized.rows
        self.longest = int(tokenized.lengths.max())
        self.vocabulary = vocabulary
        self.events = events
        self.ranks = ranks
        self._taken: list[Batch] = []
        self._told: Tensor | float = 0.0

    def get_batch_samples(self, *arguments: Any, **named: Any) -> tuple[list[Any], Any]:
        """The batches of the next step, of which none is taken yet."""
        self._taken, self._told = [], 0.0
        return super().get_batch_samples(*arguments, **named)

    def training_step(self, model: Any, inputs: Batch, num_items_in_batch: Any = None) -> Tensor:
        """One batch of a step; after the last, the gradients are those of all processes."""
        if not self._taken:
            self.ranks.seed(self.args.seed, self.state.global_step)
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self.accelerator.sync_gradients:
            self.ranks.sum_gradients(model.parameters(), asked=self.asked)
        return loss

    def _take(self, model: Any, inputs: Batch, num_items_in_batch: Any) -> Tensor:
        if not self._taken:
            self._random_state = RandomState(self.args.device)
        self._taken.append(inputs)
        self._pack_again([inputs])  # as it may have been packed before memory ran out
        loss = self._try(model, [inputs])
        if loss is None:
            while loss is None:
                loss = self._try(model, self._taken)
            most_tokens = self.collator.most_tokens
            self.events.write(
                PackingShrunk(
                    step=self.state.global_step,
                    most_tokens=most_tokens,
                    mini_batch_size=max(1, most_tokens // self.longest),
                )
            )
            loss = loss - self._told  # what was told of the batches before holds no longer
        self._told = self._told + loss
        return loss

    def _try(self, model: Any, batches: list[Batch]) -> Tensor | None:
        """The loss of ``batches``, forward and backward.

        ``None`` where memory ran out; all is then as before the step, but in smaller packings.
        """
        losses: list[Tensor] = []
        for batch in batches:
            loss = self._try_one(model, batch)
            if self.ranks.any(loss is None):
                self._let_go(model)
                self._random_state.put_back()
                self._shrink()
                self._pack_again(self._taken)
                return None
            assert loss is not None
            losses.append(loss)
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _try_one(self, model: Any, batch: Batch) -> Tensor | None:
        """The loss of ``batch``; ``None`` where memory ran out here, which the others do not know.

        They wait for what this one has of the batch, or have it already.
        """
        exchanged = self.ranks.exchanged
        try:
            return self._forward_and_backward(model, batch)
        except Exception as error:
            if not is_out_of_memory(error) or self._smaller() is None:
                raise
        # Only now: the error and its frames hold what the step took.
        self._let_go(model)
        if self.ranks.exchanged == exchanged:
            self.loss.exchange_nothing(batch["counts"])
        return None

    def _forward_and_backward(self, model: Any, batch: Batch) -> Tensor:
        # What the library's step does here, but for what it asks all modules anew each time: what
        # is recorded keeps a GPU busy for less time than that takes.
        if not model.training:
            model.train()
        inputs = self._prepare_inputs(batch)
        with self.compute_loss_context_manager():
            loss = self.compute_loss(model, inputs)
        assert isinstance(loss, Tensor)
        loss = loss / self.current_gradient_accumulation_steps
        self.accelerator.backward(loss)
        return loss.detach()

    @cached_property
    def _parameters(self) -> list[nn.Parameter]:
        return [*self.model.parameters()]

    def _clip_grad_norm(self, model: Any) -> Tensor:
        """The library's norm of all gradients, which are clipped to it; see above."""
        self.accelerator.unscale_gradients()
        return nn.utils.clip_grad_norm_(self._parameters, self.args.max_grad_norm)

    def _let_go(self, model: Any) -> None:
        """Free what the step took."""
        model.zero_grad()
        if self.loss.capture is not None:
            self.loss.capture.forget()
        release(self.args.device)

    def _smaller(self) -> int | None:
        """Half of what goes through together; nothing where each sentence is alone already."""
        packings = [each for batch in self._taken for each in batch["packings"] if len(each) > 1]
        if not packings:
            return None
        largest = max(sum(packing.lengths) for packing in packings)
        return min(self.collator.most_tokens, largest) // 2

    def _shrink(self) -> None:
        """Let less go through together, in all processes as much as in the one with the least."""
        before = self.collator.most_tokens
        self.collator.most_tokens = self.ranks.least(self._smaller() or before)
        self.loss.most_recalled = self.loss.most_recalled * self.collator.most_tokens // before

    def _pack_again(self, batches: list[Batch]) -> None:
        """Pack those ``batches`` anew of which more goes through together than may now."""
        most = self.collator.most_tokens
        for batch in batches:
            packings: list[Packing] = batch["packings"]
            if any(len(each) > 1 and sum(each.lengths) > most for each in packings):
                sentences = [ids for packing in packings for ids in packing.unpacked()]
                packed = self.collator.pack(sentences)
                batch["packings"] = [packing.to(self.args.device) for packing in packed]

    def get_batch_sampler(self, dataset: Dataset, *arguments: Any, **named: Any) -> Any:
        """The library's sampler, which tells duplicates by the sentences, not by their tokens."""
        sampled: Any = dataset
        if dataset is self.train_dataset:
            sampled = NumberedTriplets(self.triplets)
        return super().get_batch_sampler(sampled, *arguments, **named)

    def collect_features(self, inputs: dict[str, Any]) -> tuple[list[Any], Any]:
        """The packings of a batch, and in place of labels how it is shared out."""
        return inputs["packings"], inputs["counts"]

    def _count(self, inputs: Batch) -> None:
        self.samples_seen += sum(inputs["counts"]) // self.loss.columns
        self.tokens_seen = self.tokens_seen + inputs["tokens"]

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
        """The loss of the library's batches and all accuracies, of the same embeddings.

        Its rows may have another number of negatives than those that are trained on.
        """
        assert self.evaluator is not None
        assert self.evaluator.embeddings is not None
        metrics = self.evaluator(
            self.model, epoch=self.state.epoch or 0.0, steps=self.state.global_step
        )
        columns = [
            torch.from_numpy(column).to(self.args.device)
            for column in self.evaluator.embeddings.for_training()
        ]
        rows, size = len(columns[0]), self.args.eval_batch_size
        with torch.no_grad():
            losses = [
                self.loss.of_columns([column[batch] for column in columns])
                for batch in _batches(dataloader)
            ]
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        if losses:  # none, where nothing but the start is evaluated
            # To the library each batch counts as a full one and the last as what such would leave,
            # though batches without duplicates may be smaller.
            weights = torch.full((len(losses),), size, device=self.args.device)
            weights[-1] = rows % size or size
            loss = (torch.stack(losses) * weights).sum() / weights.sum()
            metrics[f"{metric_key_prefix}_loss"] = loss.item()
        return EvalLoopOutput(np.empty(0), None, metrics, rows)

    def _load_from_checkpoint(self, checkpoint_path: str) -> None:
        """Nothing: the model that is resumed was made from its checkpoint."""

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        if self.ranks.is_first:  # the others have the same
            super()._save_checkpoint(model, trial)

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
