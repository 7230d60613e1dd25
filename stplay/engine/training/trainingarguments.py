"""What a recipe is in the library's words: its arguments, and the precision they train in."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments

from stplay.engine.models.inputmodules import tasks_of_columns
from stplay.runs.recipe import Recipe
from stplay.sources.datasources import COLUMNS

Precision = Literal["bf16", "fp16", "float32"]

TYPES: dict[Precision, torch.dtype] = {
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "float32": torch.float32,
}


def precision_of(recipe: Recipe) -> tuple[Precision, str | None]:
    """What ``recipe`` trains in on this machine, and where that is not what it asks for, why."""
    training = recipe.training
    asked: Precision = "fp16" if training.fp16 else "bf16" if training.bf16 else "float32"
    if asked == "float32":
        return "float32", None
    if not torch.cuda.is_available():  # also where the recipe hides it
        return "float32", f"{asked} needs a CUDA GPU"
    if asked == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "fp16", "This GPU has no bf16"  # a T4 or a V100, for which fp16 is made
    return asked, None


def training_arguments(
    recipe: Recipe,
    model: SentenceTransformer,
    precision: Precision,
    folder: Path,
    *,
    columns: Collection[str] = COLUMNS,
    resumed: bool = False,
) -> SentenceTransformerTrainingArguments:
    """The library's arguments to train ``model`` by ``recipe`` in ``precision``.

    Checkpoints go to ``folder``; ``columns`` are those of all its splits. A training that is
    ``resumed`` has evaluated its start already.

    Raises:
        UserError: the model has routes, and none for what triplets hold.
    """
    evaluation = recipe.evaluation
    values: dict[str, Any] = recipe.to_dict()["training"]
    del values["engine"]
    values.pop("gpus", None)  # it has been shown to the libraries alone
    # transformers 5 takes the ratio under the name of the steps.
    values["warmup_steps"] = values.pop("warmup_ratio")
    values["bf16"], values["fp16"] = precision == "bf16", precision == "fp16"
    has_dev = recipe.data.dev is not None
    return SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        **values,
        eval_strategy=evaluation.eval_strategy if has_dev else "no",
        eval_steps=evaluation.eval_steps,
        eval_on_start=evaluation.eval_on_start and has_dev and not resumed,
        per_device_eval_batch_size=evaluation.per_device_eval_batch_size,
        router_mapping=tasks_of_columns(model, columns),
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
        save_strategy="steps",
    )
