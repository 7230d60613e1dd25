"""One event of each type, with all that it can hold."""

from __future__ import annotations

from stplay.jobs.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    Noted,
    RunFinished,
    RunResumed,
    RunStarted,
    StageProgressed,
    SystemSampled,
    TrainLogged,
    WorkerStarted,
)

EVENTS: list[Event] = [
    WorkerStarted(host="höst", pid=4711, process_started=1.25),
    StageProgressed(stage="importing", done=1, total=4, unit="libraries"),
    StageProgressed(stage="saving the model"),
    RunStarted(
        recipe={"training": {"learning_rate": 5e-05, "bf16": True}, "data": {"train": "a"}},
        base="builtin:tiny",
        device="CPU, 2 threads",
        precision="float32",
        versions={"torch": "2.9"},
        rows={"train": 100_000, "dev": 1_000},
        skipped_rows={"train": 3},
        synthetic=True,
        total_steps=6_250,
        parameters=21_000_000,
    ),
    TrainLogged(step=0, epoch=0.0, loss=None, learning_rate=0.0),
    TrainLogged(
        step=100,
        epoch=0.016,
        loss=3.5308,
        learning_rate=8e-06,
        gradient_norm=4.5,
        samples_per_second=812.5,
        tokens_per_second=14_000.0,
    ),
    Evaluated(
        step=100,
        epoch=0.016,
        split="dev",
        data="all-nli-dev",
        rows=1_000,
        loss=3.1817,
        cosine_accuracy=0.558,
        dot_accuracy=0.55,
        manhattan_accuracy=0.551,
        euclidean_accuracy=0.552,
        max_accuracy=0.558,
    ),
    SystemSampled(cpu_percent=180.0, memory_bytes=1 << 31, gpu_percent=97.0, gpu_memory_bytes=5),
    CheckpointSaved(step=500, path="checkpoints/checkpoint-500", kept=2, disk_bytes=12345),
    Noted(level="warning", text='two\nlines, "quotes", \x1b[31mred\x1b[0m, 日本語, \u2028'),
    RunResumed(step=500),
    RunFinished(outcome="completed", exit_code=0),
    RunFinished(outcome="failed", exit_code=1, error="no", details="Traceback\n  line"),
]
