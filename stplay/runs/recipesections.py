"""The sections of a recipe: which fields there are, of which type, and what holds by itself."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from stplay.runs.probesentences import CARD_SENTENCES, ProbeSentences
from stplay.sources.datasources import Column
from stplay.sources.names import SAMPLE, TINY

WHOLE_CHECKPOINTS = 2  # so many of the newest keep what a resume needs

Count = Annotated[int, Meta(ge=1)]
Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Fraction = Annotated[float, Meta(ge=0, lt=1)]
Name = Annotated[str, Meta(min_length=1)]
Gpus = Annotated[
    list[Annotated[int, Meta(ge=0)] | Name],
    Meta(
        min_length=1,
        description="a list of GPUs, one for each process of a machine, by UUID or number in "
        'nvidia-smi, such as ["GPU-8932f937"]',
    ),
]


class Section(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=False):
    """A table of the recipe."""


class ModelSection(Section):
    """The base model. ``max_seq_length`` and ``dropout`` replace its own where they are given.

    ``allow_new_weights`` trains it also where its files lack weights, or hold some it has not.
    """

    base: Name = TINY
    max_seq_length: Count | None = None
    dropout: Fraction | None = None
    allow_pickle: bool = False
    allow_new_weights: bool = False


class DataSection(Section):
    """Triplets by name; ``*_rows`` takes the first rows only.

    ``columns`` has the data's own names of those columns that have no usual one; of the negatives
    there may be several.
    """

    train: Name = SAMPLE
    dev: Name | None = None
    test: Name | None = None
    train_rows: Count | None = None
    dev_rows: Count | None = None
    test_rows: Count | None = None
    columns: dict[Column, Name | list[Name]] | None = None


class LossSection(Section):
    """Settings of ``CachedMultipleNegativesRankingLoss``.

    ``mini_batch_size`` sentences of the greatest length go through the model together at most;
    without it, the memory that is free decides.
    """

    scale: Positive = 20.0
    similarity_fct: Literal["cos_sim", "dot_score"] = "cos_sim"
    mini_batch_size: Count | None = None


class TrainingSection(Section):
    """The engine, and settings of ``SentenceTransformerTrainingArguments``.

    The engine is ``fast``, over packed sentences, or ``stock``, the library's own path.

    ``gpus`` names the GPU that is taken, by its UUID, the beginning of that, or its number in
    nvidia-smi, one for each process of a machine; without it, the one with the most free memory is.

    A GPU that has no ``bf16`` takes ``fp16`` in its place; both need CUDA.

    Of the ``save_total_limit`` checkpoints that are kept, the newest two are whole; the older
    ones are models without what only a resume needs.
    """

    engine: Literal["fast", "stock"] = "fast"
    num_train_epochs: Positive = 3.0
    max_steps: Count | None = None
    per_device_train_batch_size: Count = 8
    gradient_accumulation_steps: Count = 1
    batch_sampler: Literal["batch_sampler", "no_duplicates"] = "no_duplicates"
    learning_rate: Positive = 5e-5
    lr_scheduler_type: Literal["linear", "cosine", "constant", "constant_with_warmup"] = "linear"
    warmup_ratio: Fraction = 0.0
    optim: Literal["adamw_torch", "adamw_torch_fused"] = "adamw_torch_fused"
    weight_decay: NotNegative = 0.0
    adam_beta1: Fraction = 0.9
    adam_beta2: Fraction = 0.999
    adam_epsilon: Positive = 1e-8
    max_grad_norm: NotNegative = 1.0
    bf16: bool = False
    fp16: bool = False
    use_cpu: bool = False
    gpus: Gpus | None = None
    seed: Annotated[int, Meta(ge=0, lt=2**32)] = 42
    logging_steps: Count = 500
    save_steps: Count = 500
    save_total_limit: Annotated[int, Meta(ge=WHOLE_CHECKPOINTS)] | None = None

    @property
    def triplets_a_step(self) -> int:
        """How many triplets a step takes."""
        return self.per_device_train_batch_size * self.gradient_accumulation_steps

    def steps(self, batches: int) -> int:
        """How many steps a training takes whose epochs have so many ``batches``.

        Source: ``Trainer.set_initial_training_values`` of transformers.
        """
        steps_an_epoch = math.ceil(batches / self.gradient_accumulation_steps)
        return self.max_steps or math.ceil(steps_an_epoch * self.num_train_epochs)


class EvaluationSection(Section):
    """When to evaluate: on dev while training, on test at the end.

    At each evaluation on dev the sentences ``probes`` are encoded too, to see how alike they are.
    """

    eval_strategy: Literal["no", "steps", "epoch"] = "steps"
    eval_steps: Count = 500
    eval_on_start: bool = False
    per_device_eval_batch_size: Count = 8
    test_at_end: bool = True
    probes: ProbeSentences = msgspec.field(default_factory=lambda: [*CARD_SENTENCES])
