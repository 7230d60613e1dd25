"""stplay's own way to train: what the library computes, without the work that changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from stplay.engine.data.triplets import Split
from stplay.engine.packed import dropout
from stplay.engine.packed.packedmodel import PackedModel, why_not
from stplay.engine.packed.packing import Packing, cells_to_waste
from stplay.engine.packed.sentenceencoder import SentenceEncoder
from stplay.engine.training import memory
from stplay.engine.training.capture import Capture, GraphRecorder, Record
from stplay.engine.training.embedder import Embedder
from stplay.engine.training.loss import LIBRARY_SIMILARITIES, PackedRankingLoss
from stplay.engine.training.stockpath import StockPath
from stplay.engine.training.tokens import TokenizedSplit
from stplay.engine.training.trainer import PackedTrainer
from stplay.engine.training.trainingarguments import TYPES, Precision
from stplay.engine.training.vocabularyinuse import VocabularyInUse
from stplay.engine.worker.eventsink import note
from stplay.engine.worker.ranks import ALONE, Ranks
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.events import Engine, RunStarted
from stplay.runs.recipe import Recipe

MEASURED_TOKENS = 1024  # they foretell a packing of 20 times as many to an eighth
SCORED_TOGETHER = 256  # rows of scores, where the recipe leaves it to us
RECALLED_SHARE = 0.25  # of what a packing's activations take, held for the second forward of others


def training_path(
    recipe: Recipe,
    model: SentenceTransformer,
    splits: dict[str, Split],
    precision: Precision,
    stages: Stages,
    begun: RunStarted | None,
    ranks: Ranks = ALONE,
) -> FastPath | StockPath:
    """The way to train ``model``: the fast one, where it is asked for and possible.

    Raises:
        UserError: as ``FastPath``, or several processes would have to take the library's.
    """
    asked = recipe.training.engine
    why = None if asked == "stock" else why_stock(model, begun)
    if asked == "fast" and why is None:
        return FastPath(recipe, model, splits, precision, stages, begun, ranks)
    if ranks.size > 1:
        because = "the recipe asks for it (training.engine)" if why is None else why
        raise UserError(
            f"The library's own path, which is taken as {because}, trains in one process; leave "
            "--nproc-per-node out."
        )
    return StockPath(why)


def why_stock(model: SentenceTransformer, begun: RunStarted | None) -> str | None:
    """Why the library's own path is taken although it was not asked for, or ``None``.

    ``begun`` is what a run that is resumed began with.
    """
    if begun is not None and (begun.engine is None or begun.engine.name != "fast"):
        return "the run began with it"
    return why_not(model)


class FastPath:
    """Packed sentences, one forward where a batch fits, and only the vocabulary in use.

    What does not fit goes the way of gradient caching (Gao et al., 2021,
    https://huggingface.co/papers/2101.06983).
    """

    def __init__(
        self,
        recipe: Recipe,
        model: SentenceTransformer,
        splits: dict[str, Split],
        precision: Precision,
        stages: Stages,
        begun: RunStarted | None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Tokenize, narrow the vocabulary and measure the memory; ``begun`` is a resumed run's.

        Raises:
            UserError: the data is no longer what the run began with.
        """
        self.packed = PackedModel(model)
        self.stages = stages
        self.ranks = ranks
        with ranks.first_before_others():
            self.tokenized = {
                name: TokenizedSplit(self.packed, split, stages) for name, split in splits.items()
            }
        self.vocabulary = None
        if not recipe.training.weight_decay:
            used = [split.used for split in self.tokenized.values()]
            known = self.packed.transformer.get_input_embeddings().num_embeddings
            special = [each for each in model.tokenizer.all_special_ids if each < known]
            ids = np.unique(np.concatenate([*used, np.array(special, np.int32)]))
            self.vocabulary = VocabularyInUse(self.packed.transformer, ids)
        if model.device.type == "cpu":
            dropout.make_quick(model)
        self.loss_settings = recipe.loss
        self.embedder = Embedder(self.packed, TYPES[precision])
        self.recorder: Callable[[], Record] | None = None
        if model.device.type == "cuda":
            self.recorder = GraphRecorder  # one for each loss: its memory goes with its recordings
        self.longest = int(self.tokenized["train"].lengths.max())
        self.stages.progress("measuring the memory")
        self.footprint = self._footprint()
        self.engine = self._measure(recipe, begun)

    def encoder(self) -> SentenceEncoder:
        """What evaluates the model while it is trained."""
        tell = partial(note, self.stages.events)
        return SentenceEncoder(self.packed.model, tell=tell, ranks=self.ranks)

    def trainer(self, **named: Any) -> PackedTrainer:
        """The trainer; ``named`` are the arguments of the library's own.

        Its loss is among them: the library's model card is written from it.
        """
        assert self.engine.most_tokens is not None
        return PackedTrainer(
            packed_loss=self.loss(self.engine.most_tokens, partial(note, self.stages.events)),
            tokenized=self.tokenized["train"],
            most_tokens=self.engine.most_tokens,
            vocabulary=self.vocabulary,
            events=self.stages.events,
            ranks=self.ranks,
            **named,
        )

    @property
    def weight_bytes(self) -> int:
        """The bytes that the weights, their gradients and the optimizer take."""
        model = self.packed.model
        weights = sum(each.numel() * each.element_size() for each in model.parameters())
        return weights + memory.state_bytes(model)

    def whole(self) -> AbstractContextManager[None]:
        """The model as it is to be saved."""
        return nullcontext() if self.vocabulary is None else self.vocabulary.whole()

    def loss(self, most_tokens: int, tell: Callable[[str], None]) -> PackedRankingLoss:
        """The recipe's loss over packings of at most ``most_tokens``, recorded on CUDA.

        Where nothing can be recorded, ``tell`` is told so.
        """
        settings = self.loss_settings
        similarity = LIBRARY_SIMILARITIES[settings.similarity_fct]
        rows = settings.mini_batch_size or SCORED_TOGETHER
        recalled = int(RECALLED_SHARE * most_tokens * self.footprint.a_token)
        loss = PackedRankingLoss(
            self.embedder,
            settings.scale,
            similarity,
            rows,
            recalled,
            len(self.tokenized["train"].rows.column_names),
            self.ranks,
        )
        if self.recorder is not None:
            parameters = self.packed.model.parameters()
            loss.capture = Capture(self.embedder, parameters, self.recorder(), tell)
        return loss

    def _measure(self, recipe: Recipe, begun: RunStarted | None) -> Engine:
        """What goes through the model together, for the memory that is there."""
        rows = np.sort(self.tokenized["train"].lengths.sum(axis=1))
        batch = recipe.training.per_device_train_batch_size
        model = self.packed.model
        free = memory.SHARE * memory.available_bytes(model.device)
        if model.device.type == "cpu":
            free /= self.ranks.place.local_size
        taken = memory.state_bytes(model)
        if self.ranks.size > 1:
            taken += taken // 3  # the gradients once more, as they are exchanged
        fitting = self.footprint.tokens(free - taken)
        self.fitting_tokens = self.ranks.least(max(fitting, self.longest))
        most_tokens = self.fitting_tokens
        if recipe.loss.mini_batch_size is not None:
            most_tokens = min(most_tokens, recipe.loss.mini_batch_size * self.longest)
        vocabulary = None if self.vocabulary is None else len(self.vocabulary.used)
        engine = begun.engine if begun else None
        if begun is not None and engine is not None and engine.most_tokens is not None:
            asked = begun.recipe.get("loss", {}).get("mini_batch_size")
            if asked == recipe.loss.mini_batch_size:
                # A resumed run takes the very steps it would have taken.
                most_tokens = min(most_tokens, engine.most_tokens)
            if engine.vocabulary_rows != vocabulary:
                raise UserError(
                    "The training data is no longer what this run began with; start a new run."
                )
        return Engine(
            name="fast",
            most_tokens=most_tokens,
            batch_tokens=round(float(rows.mean()) * batch / self.ranks.size),
            largest_batch_tokens=self._largest_share(int(rows[-batch:].sum())),
            bytes_a_token=self.footprint.a_token,
            bytes_a_packing=self.footprint.constant,
            vocabulary_rows=vocabulary,
        )

    def _largest_share(self, tokens: int) -> int:
        """The most that one process has of a batch of so many ``tokens``."""
        size = self.ranks.size  # a cut is at the end of a sentence
        return tokens if size == 1 else min(tokens, tokens // size + self.longest)

    def _footprint(self) -> memory.Footprint:
        """What packings of the training data take, of its first row and of the first rows."""
        totals = self.tokenized["train"].lengths.sum(axis=1).cumsum()
        rows = min(max(2, int(np.searchsorted(totals, MEASURED_TOKENS)) + 1), len(totals))
        return memory.Footprint.of(self.measured(1), self.measured(rows))

    def measured(self, rows: int) -> tuple[int, int]:
        """The tokens of the first ``rows`` of the training data, and the bytes that they take."""
        columns = self.tokenized["train"].rows[:rows].values()
        model = self.packed.model.train()
        sentences = [ids for column in columns for ids in column]
        packing = Packing(sentences, cells_to_waste(model.device)).to(model.device)
        devices = [model.device] if model.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            taken = memory.saved_bytes(model, lambda: self.embedder(packing))
        return packing.tokens, taken
