"""How long steps, evaluations and encoding take, beside the library's."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from gpubench.tables import Table, show
from gpubench.training import ENGINES, Bench, Engine, Steps, Training

DROPOUT = 0.1
GOAL = 10.0  # times as many triplets a second as the library, on an H100


def steps(bench: Bench) -> bool:
    """Time the steps of each shape and engine; those that are to be recorded must be."""
    size, fine, times = bench.size, True, 0.0
    precision = "bf16" if bench.half else "float32"
    table = Table(
        f"Median of {size.timed} steps, {precision}, dropout {DROPOUT}",
        *("what", *ENGINES.values()),
    )
    waits: list[str] = []
    for shape in size.shapes:
        # The library needs no long warm-up, and its steps take long.
        taken: dict[Engine, Steps] = {}
        for engine in ENGINES:
            if engine == "recorded" and not shape.is_recorded:
                continue
            watched = (size.warm_ups if engine == "recorded" else 5) + size.timed
            if engine == "stock" and shape == size.large:
                watched //= 3
            total = watched + size.watched
            training = Training(
                bench, engine, shape, total, dropout=DROPOUT, half=bench.half, logging=10 * total
            )
            taken[engine] = found = training.run(watched)
            training.let_go()
            waits += [
                f"{count / size.watched:.1f} a step at {where}, {shape.title}, {ENGINES[engine]}"
                for where, count in found.waits.most_common(3)
                if engine != "stock"
            ]
        cells = [_cell(each, shape.batch, taken["stock"]) for each in taken.values()]
        if not shape.is_recorded:
            cells.append("goes in parts")
        elif not taken["recorded"].recorded:
            cells[-1], fine = "NOTHING RECORDED", False
        table.row(shape.title, *cells)
        if shape == size.card:
            times = taken["stock"].milliseconds / taken["recorded"].milliseconds
    show(
        f"The card: {times:.1f} times the library's triplets a second; the goal is {GOAL:.0f} on "
        "an H100."
    )
    for line in waits:
        show(f"The host waits for the GPU {line}.")
    return fine


def _cell(found: Steps, batch: int, stock: Steps) -> str:
    memory = f", {found.memory >> 20:,} MiB" if found.memory else ""
    return (
        f"{found.milliseconds:.1f} ms a step, {found.processor:.1f} of the processor{memory}: "
        f"{1000 * batch / found.milliseconds:,.0f} triplets/s, "
        f"{stock.milliseconds / found.milliseconds:.1f} times"
    )


def evaluation(bench: Bench) -> bool:
    """Time a dev evaluation with its loss."""
    taken: dict[str, float] = {}
    for engine in ("stock", "fast"):
        training = Training(bench, engine, bench.size.smallest, 1, half=bench.half)
        taken[engine] = timed(training.trainer.evaluate)
        training.let_go()
    _compare(f"Dev evaluation with its loss, {bench.size.dev_rows:,} triplets", taken)
    return True


def encoding(bench: Bench) -> bool:
    """Time the encoding of sentences."""
    from sentence_transformers import SentenceTransformer

    from stplay.engine.packed.sentenceencoder import SentenceEncoder

    model = SentenceTransformer(str(bench.model(bench.size.smallest)))
    sentences = bench.sentences[: bench.size.encoded]
    encoder = SentenceEncoder(model)
    taken = {
        "stock": timed(lambda: model.encode(sentences, show_progress_bar=False)),
        "fast": timed(lambda: encoder.encode(sentences)),
    }
    _compare(f"Encoding {len(sentences):,} sentences, float32", taken)
    return True


def timed(work: Callable[[], object], runs: int = 2) -> float:
    """The median seconds of ``work``, which is done once more before."""
    work()
    taken = []
    for _ in range(runs):
        begun = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begun)
    return median(taken)


def _compare(title: str, taken: dict[str, float]) -> None:
    table = Table(title, "the library", "stplay", "times as fast")
    stock, fast = taken["stock"], taken["fast"]
    table.row(f"{stock:.3f} s", f"{fast:.3f} s", f"{stock / fast:.1f}")
