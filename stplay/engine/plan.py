"""What a recipe takes on this machine: ``python -m stplay.engine.plan < recipe.toml``.

Takes a few steps of the real training. Replies with how far it is, and last with the ``Plan``.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from stplay.engine.worker.device import DeviceWish, choose_gpu, device_name, settle_device
from stplay.engine.worker.lastword import Advice, user_sentence
from stplay.engine.worker.libraries import import_quickly, quiet_libraries
from stplay.engine.worker.replies import Replies, reply
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.events import Engine
from stplay.runs.plans import Plan
from stplay.runs.recipe import Recipe, tomllib

if TYPE_CHECKING:
    from stplay.engine.data.triplets import ReadSplit


def plan(recipe: Recipe, read: ReadSplit, stages: Stages) -> Plan:
    """Measure what ``recipe`` takes, whose training split was ``read``.

    Raises:
        UserError: the recipe or its model cannot be used.
    """
    from transformers import set_seed

    from stplay.engine.models.basemodel import load_model
    from stplay.engine.training.choices import choices
    from stplay.engine.training.epoch import first_epoch
    from stplay.engine.training.fastpath import FastPath, why_stock
    from stplay.engine.training.memory import available_bytes
    from stplay.engine.training.trainingarguments import precision_of

    split = read.load()
    epoch = first_epoch(split, recipe.training, stages)
    set_seed(recipe.training.seed)
    base = load_model(recipe.model, split, None, stages)
    training = recipe.training
    precision, _ = precision_of(recipe)
    found = Plan(
        base=base.name,
        device=device_name(base.model.device),
        precision=precision,
        triplets=len(split.triplets),
        negatives=split.negatives,
        batch_size=training.triplets_a_step,
        steps=training.steps(epoch.batches),
        free_bytes=available_bytes(base.model.device),
        engine=Engine(name="stock", why=why_stock(base.model, None)),
        notes=[*base.notes, *read.remarks],
        epoch=epoch,
        parameters=sum(weights.numel() for weights in base.model.parameters()),
    )
    if training.engine == "stock" or found.engine.why:
        return found
    fast = FastPath(recipe, base.model, {"train": split}, precision, stages, None)
    found.engine, found.longest_tokens = fast.engine, fast.longest
    found.fitting_tokens = fast.fitting_tokens
    remarks: list[str] = []
    found.choices = [*choices(recipe, fast, stages, remarks.append)]
    if remarks:  # then what fits is known better than it was foretold
        found.fitting_tokens = min(fast.fitting_tokens, found.choices[0].tokens)
    found.notes += dict.fromkeys(remarks)
    return found


def _planned(replies: Replies) -> Plan:
    """The plan of the recipe on the standard input."""
    advice = Advice(
        disk_full="free some room there.",
        out_of_memory="make loss.mini_batch_size or training.per_device_train_batch_size smaller.",
    )
    stages = Stages(replies)
    try:
        recipe = msgspec.convert(tomllib.loads(sys.stdin.read()), Recipe)
        quiet_libraries()
        wish = DeviceWish.of_recipe(recipe.training)
        choose_gpu(wish)
        from stplay.engine.data.triplets import read_split
        from stplay.engine.training.trainingdata import check_batch

        data = recipe.data
        read = read_split(data.train, "train", data.train_rows, stages, data.columns)
        check_batch(recipe, read)
        stages.progress("importing the libraries")
        import_quickly("sentence_transformers")
        told = settle_device(wish)
        found = plan(recipe, read, stages)
        if told:
            found.notes = [told, *found.notes]
        return found
    except Exception as error:
        sentence = user_sentence(error, Path.cwd(), advice)
        if sentence is None:
            raise
        raise UserError(sentence) from error


def main() -> int:
    """Reply with the plan of the recipe on the standard input."""
    return reply(_planned)


if __name__ == "__main__":
    sys.exit(main())
