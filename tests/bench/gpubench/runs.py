"""Whole runs, by processes such as a user starts: one that goes on, and one like the card's."""

from __future__ import annotations

import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from gpubench.tables import Table, show
from gpubench.training import Bench
from stplay.engine.data import sample
from stplay.jobs.events import CheckpointSaved, Evaluated, Event, RunFinished, TrainLogged
from stplay.runs import recipe
from stplay.runs.run import Run

DROPOUT = 0.1
# A sum on a GPU is not the same each time where kernels add up in any order; bf16 has 8 bits.
EQUAL = {"float32": 1e-4, "bf16": 2e-2}
CARD_STEPS, CARD_EVALUATIONS, GOAL_SECONDS = 6250, 63, 60
MOST_SECONDS = 240.0


def resume(bench: Bench) -> bool:
    """Stop a run and go on with it, beside one that is not stopped."""
    steps = 4 * bench.size.equal_steps
    values = bench.values(bench.size.card, DROPOUT, bench.half)
    values["data"]["dev_rows"] = 64
    values["training"] |= {"max_steps": steps, "logging_steps": 1, "save_steps": 10 * steps}
    values["evaluation"] = {"eval_steps": 10 * steps, "test_at_end": False}
    whole, stopped = (Run.create(recipe.build(values, "resume"), None, "bench") for _ in range(2))
    whole.launch()
    _wait(whole)
    stopped.launch()
    while stopped.read_log().step < steps // 4 and stopped.read_log().active:
        time.sleep(0.01)
    stopped.request_stop()
    _wait(stopped)
    at = stopped.read_log().step
    stopped.launch()
    _wait(stopped)
    losses = [
        {event.step: event.loss or 0.0 for event in _events(run) if isinstance(event, TrainLogged)}
        for run in (whole, stopped)
    ]
    apart = max(abs(losses[1][step] - loss) / loss for step, loss in losses[0].items())
    bound = EQUAL["bf16" if bench.half else "float32"]
    outcomes = [_outcomes(run) for run in (whole, stopped)]
    ended = outcomes == [["completed"], ["stopped", "completed"]]
    if not ended:
        show(f"WRONG: {outcomes}; {whole.worker_log_path}, {stopped.worker_log_path}")
    fine = ended and 0 < at < steps and losses[0].keys() == losses[1].keys() and apart <= bound
    table = Table("A run that goes on", "stopped after", "losses", "")
    table.row(f"{at} of {steps} steps", f"{apart:.1e}", "as it may" if fine else "WRONG")
    return fine


def card(bench: Bench) -> bool:
    """Take steps of a run like the card's, and tell how long the whole of it takes."""
    size, folder = bench.size, bench.folder / "card"
    _write_triplets(folder, size.card_triplets, size.dev_rows)
    values: dict[str, Any] = bench.values(size.card, DROPOUT, bench.half)
    values["data"] = {"train": str(folder), "dev": str(folder)}
    values["training"] |= {
        "max_steps": size.card_steps,
        "warmup_ratio": 0.1,
        "logging_steps": size.card_evaluated,
        "save_steps": size.card_evaluated,
        "save_total_limit": 2,
    }
    values["evaluation"] = {
        "eval_steps": size.card_evaluated,
        "eval_on_start": True,
        "per_device_eval_batch_size": 16,
        "test_at_end": False,
    }
    run = Run.create(recipe.build(values, "the card"), None, "card")
    begun = time.time()
    run.launch()
    _wait(run)
    events = _events(run)
    finished = next(event for event in events if isinstance(event, RunFinished))
    if finished.outcome != "completed":
        log = run.worker_log_path.read_text(encoding="utf-8", errors="replace")
        show(f"WRONG: {finished.error}\n\n```\n{log[-4000:]}\n```")
        return False
    step, evaluation, saving, start, end = _parts(events, size.card_evaluated, begun)
    table = Table(
        f"A run like the card's, {size.card_triplets:,} triplets, {size.card_steps:,} steps of it",
        *("before the first step", "a step", "an evaluation", "a checkpoint", "at the end"),
        f"the whole, {CARD_STEPS:,} steps and {CARD_EVALUATIONS} evaluations",
    )
    saves = CARD_STEPS // size.card_evaluated
    steps = CARD_STEPS * step
    whole = start + steps + CARD_EVALUATIONS * evaluation + saves * saving + end
    table.row(
        *(f"{start:.1f} s", f"{1000 * step:.2f} ms", f"{evaluation:.2f} s", f"{saving:.2f} s"),
        *(f"{end:.1f} s", f"{whole:.0f} s, of which {steps:.0f} s are steps"),
    )
    below = steps + CARD_EVALUATIONS * evaluation
    show(
        f"Steps and evaluations take {below:.0f} s; the goal is below {GOAL_SECONDS} s on an H100."
    )
    return True


def _parts(
    events: list[Event], every: int, begun: float
) -> tuple[float, float, float, float, float]:
    """Seconds of a step, an evaluation, a checkpoint, the time before the steps and after them."""
    logged = [event.time for event in events if isinstance(event, TrainLogged)]
    evaluated = [event.time for event in events if isinstance(event, Evaluated)]
    saved = [event.time for event in events if isinstance(event, CheckpointSaved)]
    # After the same step the loss is logged, dev is evaluated and a checkpoint saved.
    evaluation = median(b - a for a, b in zip(logged, evaluated[1:], strict=True))
    saving = median(b - a for a, b in zip(evaluated[1:], saved, strict=True))
    step = median((b - a) / every for a, b in zip(saved, logged[1:], strict=False))
    return step, evaluation, saving, evaluated[0] - begun - evaluation, events[-1].time - saved[-1]


def _write_triplets(folder: Path, train: int, dev: int) -> None:
    """Triplets by the grammar, of as many seeds as it takes."""
    if folder.exists():
        return
    folder.mkdir()
    splits: dict[sample.SampleSplit, int] = {"train": train, "dev": dev}
    for split, wanted in splits.items():
        seeds = range(-(-wanted // sample.ROWS[split]))
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            parts = [*pool.map(partial(sample.triplets, split), seeds)]
        lines = [json.dumps(each._asdict()) for part in parts for each in part]
        (folder / f"{split}.jsonl").write_text("\n".join(lines[:wanted]), encoding="utf-8")


def _events(run: Run) -> list[Event]:
    return [event for events in iter(run.events().read, []) for event in events]


def _outcomes(run: Run) -> list[str]:
    return [event.outcome for event in _events(run) if isinstance(event, RunFinished)]


def _wait(run: Run) -> None:
    """Wait for the end of its process.

    Raises:
        TimeoutError: it takes longer than a benchmark may.
    """
    begun = time.monotonic()
    while run.read_log().active:
        if time.monotonic() - begun > MOST_SECONDS:
            run.request_stop()
            raise TimeoutError(f"{run.id} takes too long; see {run.worker_log_path}")
        time.sleep(0.05)
    run.await_exit()
