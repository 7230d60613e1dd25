"""What is recorded: up to which size it pays, and what becomes of a recording that fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from gpubench.equality import EQUAL, Apart
from gpubench.shapes import Shape
from gpubench.tables import Table, show
from gpubench.training import Bench, Engine, Steps, Training
from stplay.engine.packed.packing import Packing
from stplay.engine.training import trainer as packedtrainer
from stplay.engine.training.capture import WARM_UPS, Embed, GraphRecorder, Record, Recording, Sums

DROPOUT = 0.1


def recording(bench: Bench) -> bool:
    """Time batches of all sizes recorded and not: which limit on the cells of a batch is best."""
    limit = packedtrainer.MOST_RECORDED_CELLS
    table = Table(
        f"Batches recorded and not, whatever their cells; the limit is {limit:,}",
        *("triplets", "cells, the most", "not recorded", "recorded", "shapes recorded"),
    )
    best, faster = 0, True
    for batch in bench.size.batches:
        shape = bench.size.smallest._replace(batch=batch, mini_batch=None)
        plain, _ = _limited(bench, "fast", shape, 0)
        recorded, cells = _limited(bench, "recorded", shape, 1 << 62)
        table.row(
            *(f"{batch}", f"{cells:,}"),
            *(f"{each.milliseconds:.1f} ms" for each in (plain, recorded)),
            f"{recorded.recorded}",
        )
        faster = faster and recorded.recorded > 0 and recorded.milliseconds < plain.milliseconds
        best = cells if faster else best
    show(f"Recording pays up to {best:,} cells: MOST_RECORDED_CELLS can be that.")
    return True


def _limited(bench: Bench, engine: Engine, shape: Shape, most_cells: int) -> tuple[Steps, int]:
    """The steps under another limit, and the most cells of a batch that was shaped for it."""
    before, packedtrainer.MOST_RECORDED_CELLS = packedtrainer.MOST_RECORDED_CELLS, most_cells
    steps = bench.size.warm_ups + bench.size.timed // 2
    training = Training(bench, engine, shape, steps, dropout=DROPOUT, half=bench.half)
    cells, pack = [0], training.trainer.collator.pack

    def packed(sentences: list[Any]) -> list[Packing]:
        packings = pack(sentences)
        cells.extend(each.bucket.cells for each in packings if each.bucket is not None)
        return packings

    training.trainer.collator.pack = packed
    try:
        return training.run(), max(cells)
    finally:
        packedtrainer.MOST_RECORDED_CELLS = before
        training.let_go()


def failing(bench: Bench) -> bool:
    """Let recordings fail, before and in the capture: the training goes on without them."""
    shape, steps = bench.size.card, bench.size.equal_steps
    unrecorded, fine = Training(bench, "fast", shape, steps), True
    expected, held = unrecorded.run(), unrecorded.held()
    unrecorded.let_go()
    table = Table("A recording that fails", "where", "losses", "told", "memory as before", "")
    for where, broken_from in (("before the capture", 0), ("in the capture", WARM_UPS)):
        training = Training(bench, "recorded", shape, steps)
        training.fast.recorder = lambda broken_from=broken_from: _breaking(broken_from)
        found = training.run()
        told = [each for each in training.remarks.told if "not recorded" in each]
        apart = Apart.of(found, expected)
        memory = training.held() <= 1.05 * held
        equal = apart.losses <= EQUAL and len(told) == 1 and found.recorded == 0 and memory
        table.row(
            *(where, f"{apart.losses:.1e}", f"{len(told)} times"),
            "yes" if memory else _more(training.held() - held),
            "as it should" if equal else "WRONG",
        )
        fine = fine and equal
        training.let_go()
    return fine


def _more(nbytes: int) -> str:
    """How much more is held, and how much of all is in pools of recordings."""
    segments = torch.cuda.memory_snapshot() if torch.cuda.is_available() else []
    pools = sum(each["total_size"] for each in segments if each["segment_pool_id"] != (0, 0))
    return f"NO, {nbytes >> 20:,} MiB more; {pools >> 20:,} MiB in pools"


def _breaking(broken_from: int) -> Record:
    """A recorder of steps that wait for the GPU, which no recording can, from that call on."""
    calls = 0

    def broken(embed: Embed) -> Callable[[Packing], Tensor]:
        def embedded(packing: Packing) -> Tensor:
            nonlocal calls
            embeddings = embed(packing)
            if calls >= broken_from:
                if torch.cuda.is_available():
                    embeddings.sum().item()
                raise RuntimeError("the recording is broken off here")
            calls += 1
            return embeddings

        return embedded

    def record(embed: Embed, sums: Sums, packing: Packing) -> Recording:
        if torch.cuda.is_available():
            return GraphRecorder()(broken(embed), sums, packing)
        for _ in range(WARM_UPS + 1):
            broken(embed)(packing)
        raise AssertionError

    return record
