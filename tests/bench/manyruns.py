"""Many runs on the disk, with logs such as trainings leave."""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from stplay.jobs.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    RunFinished,
    RunStarted,
    StageProgressed,
    SystemSampled,
    TrainLogged,
    WorkerStarted,
)
from stplay.runs import recipe
from stplay.runs.run import Run

VERSIONS = {"torch": "2.13.0", "transformers": "5.23.0", "sentence-transformers": "6.2.0"}


def make_runs(runs: int, steps: int = 6250, begun: float = 1.7e9) -> None:
    """So many finished runs of the card's size, some 2,000 events each, checkpoints and a model."""
    chosen = recipe.load("all-nli")
    for number in range(runs):
        rate = 5e-5 * (1 + number % 4)
        chosen.training.learning_rate = rate
        run = Run.create(chosen, f"all-nli-{number + 1}", "all-nli")
        told = events_of(run, steps, begun + 3600 * number, math.tanh(number / runs))
        lines = [msgspec.json.encode(event) for event in told]
        run.events_path.write_bytes(b"\n".join(lines) + b"\n")
        for folder in ("checkpoints/checkpoint-6000", "checkpoints/checkpoint-6250", "model"):
            (run.folder / folder / "1_Pooling").mkdir(parents=True)
            for name in range(12):
                (run.folder / folder / f"{name}.json").write_bytes(b"{}" * 99)


def events_of(run: Run, steps: int, begun: float, height: float) -> Iterator[Event]:
    """What a training of so many ``steps`` tells, ten of them a second."""
    yield WorkerStarted(time=begun, host="gpu-box", pid=4711, process_started=begun)
    yield RunStarted(
        time=begun + 9,
        recipe=run.recipe().to_dict(),
        base="nreimers/mMiniLMv2-L12-H384-distilled-from-XLMR-Large",
        device="NVIDIA H100 80GB HBM3",
        precision="bf16",
        versions=VERSIONS,
        rows={"train": 100_000, "dev": 1_000, "test": 1_000},
        total_steps=steps,
        parameters=117_000_000,
    )
    for step in range(10, steps + 1, 10):
        time, share = begun + 10 + step / 10, step / steps
        yield StageProgressed(time=time, stage="training", done=step, total=steps, unit="steps")
        if step % 20 == 0:
            yield SystemSampled(
                time=time, cpu_percent=101.5, memory_bytes=3 << 30, gpu_percent=93.0
            )
        yield TrainLogged(
            time=time,
            step=step,
            epoch=share,
            loss=3.4 * math.exp(-3 * share) + 0.1 * math.sin(step) ** 2,
            learning_rate=5e-5 * (1 - share),
            gradient_norm=2.1,
            samples_per_second=1790.0,
            tokens_per_second=61_400.0,
        )
        if step % 100 == 0:
            accuracy = 0.5 + (0.3 + height / 10) * (1 - math.exp(-5 * share))
            accuracies = dict.fromkeys(
                ("cosine_accuracy", "dot_accuracy", "manhattan_accuracy", "max_accuracy"), accuracy
            )
            yield Evaluated(
                time=time,
                step=step,
                epoch=share,
                split="dev",
                data="all-nli-dev",
                rows=1_000,
                loss=3.2 * math.exp(-3 * share),
                **accuracies,
            )
        if step % 500 == 0:
            yield CheckpointSaved(
                time=time, step=step, path=f"checkpoints/checkpoint-{step}", kept=2, disk_bytes=9
            )
    yield RunFinished(time=begun + 20 + steps / 10, outcome="completed", exit_code=0)
