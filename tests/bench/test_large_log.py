"""A log of two gigabytes, read to its end: seconds, and the memory that it takes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from runsondisk import COMPLETED, STARTED, create, worker_of, write

from stplay.jobs.eventlog import event_line
from stplay.jobs.events import SystemSampled, TrainLogged
from stplay.jobs.sampler import Sampler
from stplay.runs.run import Run

LOG_BYTES = 2 << 30
BEATS_A_STEP = 99  # a training that tells a step each three minutes, for more than a year


@pytest.fixture
def large_run(home: Path) -> tuple[Run, int]:
    """Finished, and how many steps it has told."""
    run, steps = write(create("large"), worker_of(psutil.Process()), STARTED), 0
    sampled = SystemSampled(
        cpu_percent=101.5, memory_bytes=3 << 30, machine=Sampler(run.folder, ()).load()
    )
    beat = event_line(sampled)
    with run.events_path.open("ab") as file:
        while file.tell() < LOG_BYTES:
            steps += 1
            told = TrainLogged(step=steps, epoch=steps / 1e6, loss=1.0, learning_rate=1e-5)
            file.write(event_line(told) + beat * BEATS_A_STEP)
    return write(run, COMPLETED), steps


@pytest.mark.timeout(3600)
def test_it_is_read(large_run: tuple[Run, int], capsys: pytest.CaptureFixture[str]) -> None:
    run, steps = large_run
    size = run.events_path.stat().st_size
    with capsys.disabled():
        print(f"\nA log of {size:,} bytes, {steps:,} steps")
        for name, *arguments in (
            ("stplay runs", "runs"),
            ("stplay runs, known by the index", "runs"),
            ("stplay watch --once", "watch", run.id, "--once"),
        ):
            begun = time.perf_counter()
            command = [sys.executable, "-m", "stplay", *arguments]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            assert f"{steps:,}" in process.stdout.read()
            _, status, used = os.wait4(process.pid, 0)
            assert status == 0
            taken, memory = time.perf_counter() - begun, used.ru_maxrss >> 10
            print(f"  {name:32} {taken:6.1f} s  {memory:6,} MiB at most")
