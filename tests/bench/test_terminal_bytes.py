"""How many bytes a second go to the terminal while a run is watched."""

from __future__ import annotations

import math
import random
import threading
import time
from pathlib import Path

import pytest
from terminal import Terminal
from test_event_log import begin

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Evaluated, SystemSampled, TrainLogged
from stplay.runs import recipe
from stplay.runs.run import Run

EVENTS_A_SECOND = 10
STEPS = 6250
BEFORE = 600  # steps that are logged when somebody begins to watch
SECONDS = 60


def write_step(writer: EventWriter, step: int, drawn: random.Random) -> None:
    """What a training that logs each of its steps writes of one of them."""
    share = step / STEPS
    loss = 3 * math.exp(-5 * share) + drawn.gauss(0, 0.05)
    writer.write(
        TrainLogged(
            step=step,
            epoch=share,
            loss=loss,
            learning_rate=5e-5 * (1 - share),
            gradient_norm=2 + drawn.random(),
            samples_per_second=1700 + drawn.random() * 100,
            tokens_per_second=61_000 + drawn.random() * 1000,
        )
    )
    if step % 100 == 0:
        accuracy = 0.85 - 0.3 * math.exp(-5 * share)
        writer.write(
            Evaluated(
                step=step,
                epoch=share,
                split="dev",
                data="dev",
                rows=1000,
                loss=loss,
                cosine_accuracy=accuracy,
                dot_accuracy=accuracy - 0.01,
                manhattan_accuracy=accuracy - 0.02,
                euclidean_accuracy=accuracy - 0.005,
                max_accuracy=accuracy,
            )
        )
    if step % (5 * EVENTS_A_SECOND) == 0:
        writer.write(
            SystemSampled(cpu_percent=180 + 20 * drawn.random(), memory_bytes=(1 << 30) + step)
        )


@pytest.mark.parametrize("calm", ["--no-calm", "--calm"])
def test_bytes_a_second(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    calm: str,
) -> None:
    monkeypatch.setenv("STPLAY_HOME", str(tmp_path))
    run = Run.create(recipe.load("sample"), "watched", "sample")
    writer, drawn = EventWriter(run.events_path), random.Random(0)
    begin(writer, STEPS)
    for step in range(1, BEFORE + 1):
        write_step(writer, step, drawn)
    over = threading.Event()

    def write() -> None:
        step = BEFORE
        while not over.wait(1 / EVENTS_A_SECOND):
            step += 1
            write_step(writer, step, drawn)

    thread = threading.Thread(target=write)
    with Terminal(calm, size=(120, 40)) as terminal:
        terminal.wait_for("● running")
        thread.start()
        terminal.wait_for("dev accuracy")
        ends = []
        for seconds in (5, SECONDS):  # what comes at first is the whole screen
            deadline = time.monotonic() + seconds
            while time.monotonic() < deadline:
                assert terminal.read(0.1), terminal.text
            ends.append(len(terminal.output))
        over.set()
        (tmp_path / "sent").write_bytes(terminal.output[ends[0] :])
    thread.join()
    with capsys.disabled():
        print(
            f"\nA run of {EVENTS_A_SECOND} events a second, watched at 120x40 for {SECONDS} s "
            f"with {calm}: {(ends[1] - ends[0]) / SECONDS / 1000:.2f} KB/s  (W&B LEET: 1.2)"
        )
