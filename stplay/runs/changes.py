"""What a run that goes on may do otherwise than it began: where and how, not what is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.text import printable

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


def check_changes(path: Path, overrides: Sequence[str]) -> None:
    """Make sure that the run whose recipe is at ``path`` can go on with ``overrides`` of it.

    Raises:
        UserError: the recipe or one of them cannot be used, or changes what stays as it was begun.
    """
    recipe.load(path, overrides)
    fields = [override.partition("=")[0].strip() for override in overrides]
    if fixed := [printable(field) for field in fields if field not in MAY_CHANGE]:
        raise UserError(
            f"{', '.join(dict.fromkeys(fixed))} cannot change in a run that has begun; what can is "
            f"{', '.join(MAY_CHANGE)}."
        )
