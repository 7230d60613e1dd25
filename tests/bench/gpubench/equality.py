"""Whether all engines train the same, beside the noise of the library with itself."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import torch

from gpubench.shapes import Shape
from gpubench.tables import Table
from gpubench.training import ENGINES, Bench, Engine, Steps, train

# Relative. In float32 the sums of the same numbers are rounded differently, and nothing else.
EQUAL = 1e-5
# bf16 has 8 bits: a cosine of either path is off by 0.001 to 0.002, a score, 20 times that, by 0.02
# to 0.04, and a loss, which is 3.5 here, by no more than its scores.
EQUAL_IN_BF16 = 2e-2
# Absolute, in float32: AdamW moves a weight by 5e-5 a step, whichever way a gradient of nearly
# nought points, and of a hundred million weights a few have such gradients in half of the steps.
EQUAL_WEIGHTS = 5e-4
DROPOUT = 0.1


class Apart(NamedTuple):
    """How far two trainings are apart, in their ``losses`` relatively, in their ``weights`` not."""

    losses: float
    weights: float

    @classmethod
    def of(cls, found: Steps, expected: Steps) -> Apart:
        """The most that they differ."""
        pairs = zip(found.losses, expected.losses, strict=True)
        losses = max(abs(ours - theirs) / theirs for ours, theirs in pairs)
        weights = [
            (each.float() - expected.weights[name].float()).abs().max().item()
            for name, each in found.weights.items()
            # A key's bias changes no attention: its gradient is nothing but rounding.
            if each.is_floating_point() and "key.bias" not in name and not name.endswith("k.bias")
        ]
        return cls(losses, max(weights))


def equality(bench: Bench) -> bool:
    """Compare the losses of each shape, and its weights, with the library's, without dropout."""
    heads = ("shape", "engine", "losses", "weights", "recorded", "")
    table = Table(f"Losses of {bench.size.equal_steps} steps beside the library's", *heads)
    fine = True
    for half in (False, True) if bench.half else (False,):
        for shape in bench.size.equal if not half else bench.size.equal[:1]:
            fine = _same(bench, shape, half, table) and fine
    return _same_dropout(bench, table) and fine


def _same(bench: Bench, shape: Shape, half: bool, table: Table) -> bool:
    take = partial(train, bench, shape=shape, steps=bench.size.equal_steps, half=half)
    expected, fine = take(engine="stock"), True
    for engine in ENGINES:
        noise = engine == "stock"  # of the library with itself: that of one shape tells it
        if (noise and shape != bench.size.card) or (engine == "recorded" and not shape.is_recorded):
            continue
        found = take(engine=engine)
        apart = Apart.of(found, expected)
        bound = EQUAL_IN_BF16 if half else EQUAL
        equal = apart.losses <= bound and (half or apart.weights <= EQUAL_WEIGHTS)
        lacking = engine == "recorded" and not found.recorded
        words = "as it may" if equal else f"TOO MUCH, {bound:.0e} may be"
        if noise:
            equal, words = True, "the library with itself"
        if lacking:
            words = "NOTHING RECORDED"
        fine = fine and equal and not lacking
        _row(table, shape, "bf16" if half else "float32", engine, apart, found, words)
    return fine


def _same_dropout(bench: Bench, table: Table) -> bool:
    """With dropout, of one seed, what is recorded draws what is not."""
    shape, steps = bench.size.card, bench.size.equal_steps
    expected = train(bench, "fast", shape, steps, dropout=DROPOUT)
    found = train(bench, "recorded", shape, steps, dropout=DROPOUT)
    other = train(bench, "fast", shape, steps)
    apart = Apart.of(found, expected)
    drops = Apart.of(other, expected).losses > 100 * EQUAL
    words = "as it may, beside not recorded"
    if apart.losses > EQUAL:
        words = f"TOO MUCH beside not recorded, {EQUAL:.0e} may be"
    elif not found.recorded:
        words = "NOTHING RECORDED"
    elif not drops:
        words = "NOTHING DROPPED"
    _row(table, shape, f"float32, dropout {DROPOUT}", "recorded", apart, found, words)
    return words.startswith("as")


def _row(
    table: Table,
    shape: Shape,
    precision: str,
    engine: Engine,
    apart: Apart,
    found: Steps,
    told: str,
) -> None:
    table.row(
        f"{shape.title}, {precision}",
        ENGINES[engine],
        f"{apart.losses:.1e}",
        f"{apart.weights:.1e}",
        f"{found.recorded}",
        told,
    )


def attention(bench: Bench) -> bool:
    """Compare attention that pads nothing with what pads, and its dropout with none, on average."""
    from stplay.engine.packed import attention as packed
    from stplay.engine.packed.packing import GPU_MOST_WASTED_CELLS, Packing

    device, kind = torch.device("cuda" if bench.gpu else "cpu"), torch.bfloat16
    lengths = [7 + 13 * number % 40 for number in range(48)]
    packing = Packing([[4] * length for length in lengths], GPU_MOST_WASTED_CELLS).to(device)
    query, key, value = (
        torch.randn(packing.tokens, 12, 32, device=device, dtype=kind) for _ in range(3)
    )
    table = Table("Attention without padding", "what", "taken here", "apart from padding", "")
    fine = True
    for dropout in (0.0, 0.5):
        taken = packed._unpadded(query, dropout) is not None
        draws = 1 if dropout == 0 else 200
        found = sum(
            packed.packed_attention(query, key, value, packing, 0.2, dropout).float()
            for _ in range(draws)
        )
        blocks = [
            packed._attend(query, key, value, each, 0.2, 0.0, None) for each in packing.blocks
        ]
        apart = (found / draws - torch.cat(blocks).float()).abs().mean().item()
        # A mean over 200 draws of what is dropped half the time is off by a twentieth or so.
        equal = apart <= (0.1 if dropout else 0.01)
        lacking = bench.half and not taken
        words = (
            "NOT TAKEN on a GPU that has it" if lacking else "as it may" if equal else "TOO MUCH"
        )
        table.row(f"dropout {dropout}", "yes" if taken else "no", f"{apart:.1e}", words)
        fine = fine and equal and not lacking
    return fine
