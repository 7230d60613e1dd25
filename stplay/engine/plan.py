"""What a recipe takes on this machine: ``python -m stplay.engine.plan < recipe.toml``.

Takes a few steps of the real training. Replies with how far it is, and last with the ``Plan``.
"""

from __future__ import annotations

import math
import sys
import time
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
from stplay.runs.plans import MiniBatchChoice, Plan
from stplay.runs.recipe import Recipe, tomllib

if TYPE_CHECKING:
    from stplay.engine.data.triplets import ReadSplit
    from stplay.engine.training.fastpath import FastPath

STEPS, SECONDS = 3, 6.0
MINI_BATCHES = (512, 128, 32, 8)


def plan(recipe: Recipe, read: ReadSplit, stages: Stages) -> Plan:
    """Measure what ``recipe`` takes, whose training split was ``read``.

    Raises:
        UserError: the recipe or its model cannot be used.
    """
    from transformers import set_seed

    from stplay.engine.models.basemodel import load_model
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
    )
    if training.engine == "stock" or found.engine.why:
        return found
    fast = FastPath(recipe, base.model, {"train": split}, precision, stages, None)
    found.engine, found.longest_tokens = fast.engine, fast.longest
    found.fitting_tokens = fast.fitting_tokens
    for mini_batch_size in _mini_batch_sizes(recipe, fast):
        stages.progress(f"measuring loss.mini_batch_size = {mini_batch_size}")
        found.choices.append(_measure(recipe, fast, mini_batch_size))
    return found


def _mini_batch_sizes(recipe: Recipe, fast: FastPath) -> list[int]:
    """The sizes worth measuring: one that holds a whole batch, the recipe's own, and smaller."""
    whole = math.ceil((fast.engine.largest_batch_tokens or 1) / fast.longest)
    sizes = {whole, *(size for size in MINI_BATCHES if size < whole)}
    if recipe.loss.mini_batch_size is not None:
        sizes.add(min(whole, recipe.loss.mini_batch_size))
    fitting = [size for size in sizes if size * fast.longest <= fast.fitting_tokens]
    return sorted(fitting or [1], reverse=True)


def _measure(recipe: Recipe, fast: FastPath, mini_batch_size: int) -> MiniBatchChoice:
    """Take steps with this size; a step is that of the training, without its reading of data."""
    import torch

    from stplay.engine.training.trainer import PackedCollator

    model, most_tokens = fast.packed.model.train(), mini_batch_size * fast.longest
    on_gpu = model.device.type == "cuda"
    collator = PackedCollator(
        preprocess_fn=model.preprocess, most_tokens=most_tokens, on_gpu=on_gpu
    )
    batch, rows = recipe.training.per_device_train_batch_size, fast.tokenized["train"].rows
    recalled = fast.recalled_bytes(most_tokens)
    loss = fast.loss(recalled)
    optimizer = torch.optim.AdamW(model.parameters(), 0.0, fused=True)
    forwards, taken = 1, []
    for number in range(1 + STEPS):
        first = number * batch % max(1, len(rows) - batch + 1)
        packings = [
            packing.to(model.device)
            for packing in collator([rows[place] for place in range(first, first + batch)])[
                "packings"
            ]
        ]
        begun = time.perf_counter()
        loss(packings).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if on_gpu:
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begun)
        forwards = 2 * len(packings) - 1  # the first is kept
        if sum(taken[1:]) > SECONDS:
            break
    together = min(most_tokens, fast.engine.largest_batch_tokens or most_tokens)
    held = fast.footprint.nbytes(together) + (recalled if forwards > 1 else 0)
    steps = sorted(taken[1:])  # the first takes longer
    return MiniBatchChoice(
        mini_batch_size=mini_batch_size,
        tokens=most_tokens,
        forwards=forwards,
        memory_bytes=fast.weight_bytes + held,
        seconds_a_step=steps[len(steps) // 2] * recipe.training.gradient_accumulation_steps,
    )


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
