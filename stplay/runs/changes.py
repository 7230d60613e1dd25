"""What a run that goes on may do otherwise than it began: where, how and how long."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.runs.recipe import Recipe
from stplay.text import printable

MAX_STEPS = "training.max_steps"
MAY_CHANGE = (
    "loss.mini_batch_size",
    "training.logging_steps",
    "training.save_steps",
    "training.save_total_limit",
    "training.use_cpu",
    "training.gpus",
    "evaluation.eval_strategy",
    "evaluation.eval_steps",
    "evaluation.per_device_eval_batch_size",
    "evaluation.probes",
    "model.allow_pickle",
    "model.allow_new_weights",
)


def length_field(chosen: Recipe) -> str:
    """The field that tells how long ``chosen`` trains."""
    return "training.num_train_epochs" if chosen.training.max_steps is None else MAX_STEPS


def extends(chosen: Recipe, field: str, then: Any, now: Any) -> bool:
    """Whether a run is trained longer by ``chosen`` than when ``field`` was as it was ``then``."""
    return field == length_field(chosen) and then is not None and now > then


def check_changes(path: Path, overrides: Sequence[str]) -> None:
    """Make sure that the run whose recipe is at ``path`` can go on with ``overrides`` of it.

    Raises:
        UserError: the recipe or one of them cannot be used, or changes what stays as it was begun.
    """
    before, after = recipe.load(path), recipe.load(path, overrides)
    length = length_field(before)
    fields = [override.partition("=")[0].strip() for override in overrides]
    if fixed := [printable(field) for field in fields if field not in (*MAY_CHANGE, length)]:
        raise UserError(
            f"{', '.join(dict.fromkeys(fixed))} cannot change in a run that has begun; what can is "
            f"{', '.join(MAY_CHANGE)}, and {length} can grow."
        )
    name = length.partition(".")[2]
    then, now = getattr(before.training, name), getattr(after.training, name)
    if length in fields and not extends(after, length, then, now):
        raise UserError(
            f"{length} is {then:g} already; a run can be made longer, and ended by: stplay stop"
        )
