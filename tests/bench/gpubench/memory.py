"""What packings take beside what is foretold, and what becomes of a training without memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from limited import Limited

from gpubench.equality import EQUAL, Apart
from gpubench.tables import Table
from gpubench.training import Bench, Training, train
from stplay.engine.packed.packing import Packing, cells_to_waste
from stplay.engine.training.memory import SHARE, saved_bytes
from stplay.engine.worker.outofmemory import release

DROPOUT = 0.1
TIMES = (2, 8, 16)  # as many tokens as were measured
MIB = 1 << 20


def footprint(bench: Bench) -> bool:
    """Compare the memory of larger and larger packings with what two small ones foretell."""
    table = Table(
        f"Memory of a packing, {'bf16' if bench.half else 'float32'}, dropout {DROPOUT}",
        *("tokens", "foretold", "kept for the gradients", "at most, with them", ""),
    )
    training, fine = (
        Training(bench, "fast", bench.size.card, 1, dropout=DROPOUT, half=bench.half),
        True,
    )
    fast = training.fast
    lengths = fast.tokenized["train"].lengths.sum(axis=1).cumsum()
    for times in TIMES if bench.gpu else TIMES[:1]:
        rows = int(np.searchsorted(lengths, times * 1024)) + 1
        columns = fast.tokenized["train"].rows[:rows].values()
        device = training.model.device
        packing = Packing([ids for column in columns for ids in column], cells_to_waste(device))
        kept, most = _taken(training, packing.to(device))
        foretold = fast.footprint.nbytes(packing.tokens)
        # A training fills no more than a share of what is free, for what comes on top.
        enough = SHARE * most <= foretold <= 2 * kept
        fine = fine and enough
        table.row(
            f"{packing.tokens:,}",
            *(f"{each / MIB:,.0f} MiB" for each in (foretold, kept, most)),
            "as it may" if enough else "TOO FAR OFF",
        )
    return fine


def _taken(training: Training, packing: Packing) -> tuple[int, int]:
    """The bytes kept after a forward, and the most until its gradients are there."""
    model, embed, device = training.model.train(), training.fast.embedder, training.model.device
    if device.type != "cuda":
        kept = saved_bytes(model, lambda: embed(packing))
        return kept, kept
    for parameter in model.parameters():  # they are counted elsewhere
        parameter.grad = torch.zeros_like(parameter)
    embed(packing).sum().backward()
    release(device)
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    embeddings = embed(packing)
    kept = torch.cuda.memory_allocated() - before
    embeddings.sum().backward()
    return kept, torch.cuda.max_memory_allocated() - before


def outofmemory(bench: Bench) -> bool:
    """Take memory away: steps and evaluations go on with less together, and train the same."""
    shape = bench.size.large._replace(mini_batch=None)
    steps = min(5, bench.size.equal_steps)
    expected = train(bench, "fast", shape, steps)
    training = Training(bench, "fast", shape, steps)
    table = Table("A training without memory", "what", "losses", "told", "")
    with _short(training):
        found = training.run()
        told, evaluated = training.remarks.shrunk, len(training.remarks.told)
        apart = Apart.of(found, expected)
        equal = apart.losses <= EQUAL and told > 0
        words = "as it should" if equal else "WRONG"
        table.row(
            f"{steps} steps of {shape.batch} triplets", f"{apart.losses:.1e}", f"{told}", words
        )
    with _short(training, 2048, evaluated=True):
        loss = training.trainer.evaluate()["eval_loss"]
    others = training.trainer.evaluate()["eval_loss"]
    evaluated = len(training.remarks.told) - evaluated
    apart = abs(loss - others) / others
    same = apart <= EQUAL and evaluated > 0
    words = "as it should" if same else "WRONG"
    table.row("a dev evaluation", f"{apart:.1e}", f"{evaluated}", words)
    training.let_go()
    return equal and same


@contextmanager
def _short(
    training: Training, tokens: int | None = None, *, evaluated: bool = False
) -> Iterator[None]:
    """Leave memory for so many tokens, a fourth of a batch where nothing is said."""
    fast, device = training.fast, training.model.device
    tokens = tokens or (fast.engine.largest_batch_tokens or 1) // 4
    if device.type == "cuda":
        release(device)
        # An evaluation keeps only what one layer makes; before a training nothing is there yet.
        needed = fast.footprint.nbytes(tokens) // (12 if evaluated else 1)
        needed += torch.cuda.memory_allocated() if evaluated else fast.weight_bytes * 5 // 4
        total = torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(needed / total)
        yield
        torch.cuda.set_per_process_memory_fraction(1.0)
        return
    if not evaluated:
        words = "CUDA out of memory."
        training.fast.embedder = Limited(
            fast.embedder, lambda call: tokens, torch.OutOfMemoryError, words
        )
        yield
        return

    def few(module: Any, arguments: tuple[Any, ...]) -> None:
        if arguments[0]["token_embeddings"].shape[1] > 256:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    hook = training.model[1].register_forward_pre_hook(few)
    yield
    hook.remove()
