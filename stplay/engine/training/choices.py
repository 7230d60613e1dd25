"""What each ``loss.mini_batch_size`` takes, measured by steps such as the training takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from statistics import median

import torch

from stplay.engine.packed.packing import TOKENS_ROUNDED_TO
from stplay.engine.training.fastpath import FastPath
from stplay.engine.training.trainer import PackedCollator
from stplay.engine.worker.outofmemory import is_out_of_memory, release
from stplay.engine.worker.stages import Stages
from stplay.runs.plans import MiniBatchChoice
from stplay.runs.recipe import Recipe

STEPS, SECONDS = 4, 6.0
RECORDED_STEPS = 60  # of which the second half is replayed, as nearly all of a training is
MINI_BATCHES = (512, 128, 32, 8)


def choices(
    recipe: Recipe, fast: FastPath, stages: Stages, tell: Callable[[str], None]
) -> Iterator[MiniBatchChoice]:
    """The choices there are, the largest first.

    Where memory runs out although a size was taken to fit, ``tell`` is told so, and smaller ones
    are measured, down to one sentence, whose error is raised.
    """
    sizes = _sizes(recipe, fast)
    while sizes:
        size = sizes.pop(0)
        stages.progress(f"measuring loss.mini_batch_size = {size}")
        choice = None
        try:
            choice = _measure(recipe, fast, size, tell)
        except Exception as error:
            if not is_out_of_memory(error) or size == 1:
                raise
        # Only now: an error and its frames hold what the steps took, as recordings do.
        fast.packed.model.zero_grad()
        release(fast.packed.model.device)
        if choice is not None:
            yield choice
            continue
        tell(f"The memory ran out with loss.mini_batch_size = {size}.")
        sizes = sizes or [size // 2]


def _sizes(recipe: Recipe, fast: FastPath) -> list[int]:
    """The sizes worth measuring: one that holds a whole batch, the recipe's own, and smaller.

    Where steps are recorded, there is one for that too: it takes as much memory again.
    """
    largest = fast.engine.largest_batch_tokens or 1
    whole = math.ceil(largest / fast.longest)
    sizes = {whole, *(size for size in MINI_BATCHES if size < whole)}
    if fast.recorder is not None:
        sizes.add(math.ceil(2 * (largest + TOKENS_ROUNDED_TO) / fast.longest))
    if recipe.loss.mini_batch_size is not None:
        sizes.add(min(max(sizes), recipe.loss.mini_batch_size))
    fitting = [size for size in sizes if size * fast.longest <= fast.fitting_tokens]
    return sorted(fitting or [1], reverse=True)


def _measure(
    recipe: Recipe, fast: FastPath, mini_batch_size: int, tell: Callable[[str], None]
) -> MiniBatchChoice:
    """Take steps with this size; a step is that of the training, without its reading of data."""
    model, most_tokens = fast.packed.model.train(), mini_batch_size * fast.longest
    recorded = fast.recorder is not None
    collator = PackedCollator(
        preprocess_fn=model.preprocess, most_tokens=most_tokens, on_gpu=recorded
    )
    batch, rows = recipe.training.per_device_train_batch_size, fast.tokenized["train"].rows
    loss = fast.loss(most_tokens, tell)
    optimizer = torch.optim.AdamW(model.parameters(), 0.0, fused=True)
    forwards, taken = 1, []
    for number in range(RECORDED_STEPS if recorded else STEPS):
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
        if model.device.type == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - begun)
        forwards = 2 * len(packings) - 1  # the first is kept
        if sum(taken[1:]) > SECONDS:
            break
    together = min(most_tokens, fast.engine.largest_batch_tokens or most_tokens)
    held = fast.footprint.nbytes(together) + (loss.most_recalled if forwards > 1 else 0)
    if loss.capture is not None and loss.capture.recordings:
        held *= 2
    first = len(taken) // 2 if recorded else 1  # the first takes longer
    return MiniBatchChoice(
        mini_batch_size=mini_batch_size,
        tokens=most_tokens,
        forwards=forwards,
        memory_bytes=fast.weight_bytes + held,
        seconds_a_step=median(taken[first:]) * recipe.training.gradient_accumulation_steps,
    )
