"""Runs on the disk as their processes would have left them, and processes for them."""

from __future__ import annotations

import platform
import subprocess
import sys

import psutil

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Event, RunFinished, RunStarted, WorkerStarted
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run

COMPLETED = RunFinished(outcome="completed", exit_code=0)

STARTED = RunStarted(
    recipe=Recipe().to_dict(),
    base="builtin:tiny",
    device="CPU",
    precision="float32",
    versions={},
    rows={"train": 100},
    total_steps=400,
    parameters=1,
)


def create(name: str | None = None) -> Run:
    return Run.create(Recipe(), name, "sample")


def write(run: Run, *events: Event) -> Run:
    writer = EventWriter(run.events_path)
    for event in events:
        writer.write(event)
    writer.close()
    return run


def worker_of(process: psutil.Process, host: str | None = None) -> WorkerStarted:
    return WorkerStarted(
        host=platform.node() if host is None else host,
        pid=process.pid,
        process_started=process.create_time(),
    )


WORKER = """
import platform, signal, sys
from pathlib import Path
import psutil
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import RunFinished, WorkerStarted
events = EventWriter(Path(sys.argv[1]) / "events.jsonl")
outcome, code = sys.argv[2], int(sys.argv[3])
def stop(number, frame):
    if outcome == "deaf":
        return
    error = "It \\x1b[31mbroke." if outcome == "failed" else None
    events.write(RunFinished(outcome=outcome, exit_code=code, error=error))
    sys.exit(code)
signal.signal(signal.SIGTERM, stop)
me = psutil.Process()
events.write(
    WorkerStarted(host=platform.node(), pid=me.pid, process_started=me.create_time())
)
print("ready", flush=True)
while True:
    signal.pause()
"""


def start_worker(run: Run, outcome: str = "stopped", code: int = 130) -> subprocess.Popen[bytes]:
    """A process at work on ``run`` that ends with ``outcome`` on SIGTERM; "deaf" does not end."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(run.folder), outcome, str(code)],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    return process
