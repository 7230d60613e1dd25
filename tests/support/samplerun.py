"""A run on disk as a training process would have left it."""

from __future__ import annotations

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import (
    CheckpointSaved,
    Engine,
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


def finished_run(
    name: str = "done", steps: int = 3, *, synthetic: bool = True, **last: object
) -> Run:
    """A run on disk as a training process would have left it."""
    run = Run.create(recipe.load("sample"), name, "sample")
    writer = EventWriter(run.events_path)
    events: list[Event] = [
        WorkerStarted(time=0.0, host="gpu-box", pid=1, process_started=0.0),
        RunStarted(
            time=10.0,
            recipe=run.recipe().to_dict(),
            base="builtin:tiny",
            device="CPU, 2 threads",
            precision="float32",
            versions={},
            rows={"train": 10000},
            synthetic=synthetic,
            total_steps=100 * steps,
            parameters=1,
            engine=Engine(
                name="fast",
                most_tokens=250_000,
                batch_tokens=1219,
                largest_batch_tokens=1777,
                bytes_a_token=50_000,
                vocabulary_rows=655,
            ),
        ),
    ]
    for number in range(1, steps + 1):
        step, epoch = 100 * number, number / steps
        events += [
            StageProgressed(time=10.0 + number, stage="training", done=step, total=100 * steps),
            TrainLogged(
                time=10.0 + number,
                step=step,
                epoch=epoch,
                loss=3.0 / number,
                learning_rate=5e-5,
                gradient_norm=2.1,
                samples_per_second=1790.0,
                tokens_per_second=61400.0,
            ),
            Evaluated(
                time=10.0 + number,
                step=step,
                epoch=epoch,
                split="dev",
                data="sample-dev",
                rows=500,
                loss=2.9 / number,
                cosine_accuracy=0.8,
                dot_accuracy=0.79,
                manhattan_accuracy=0.81,
                euclidean_accuracy=0.8,
                max_accuracy=0.81,
            ),
        ]
    events += [
        SystemSampled(time=14.0, cpu_percent=180.0, memory_bytes=1 << 30),
        CheckpointSaved(
            time=14.0, step=100 * steps, path="checkpoints/x", kept=3, disk_bytes=7 << 26
        ),
        RunFinished(**{"time": 15.0, "outcome": "completed", "exit_code": 0, **last}),  # type: ignore[arg-type]
    ]
    for event in events:
        writer.write(event)
    writer.close()
    return run
