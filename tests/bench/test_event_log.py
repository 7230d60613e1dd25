"""How fast an event log is read and folded, and how soon a key is answered meanwhile."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from statistics import median, quantiles

import pytest

from stplay.jobs.eventlog import EventReader, EventWriter
from stplay.jobs.events import RunStarted, TrainLogged
from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.screens.app import StplayApp

EVENTS = 100_000
EVENTS_A_SECOND = 500
KEYS = 60


def begin(writer: EventWriter, steps: int) -> None:
    """The first events of a run that this process pretends to train."""
    from stplay.engine.worker.work import worker_started

    writer.write(worker_started())
    writer.write(
        RunStarted(
            recipe={},
            base="-",
            device="-",
            precision="-",
            versions={},
            rows={},
            total_steps=steps,
            parameters=0,
        )
    )


def test_read_and_fold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    begin(writer, EVENTS)
    for step in range(EVENTS):
        writer.write(TrainLogged(step=step, epoch=step / EVENTS, loss=1.0, learning_rate=1e-5))
    taken = []
    for _ in range(5):
        start = time.perf_counter()
        log, reader = TrainingLog(), EventReader(path)
        while events := reader.read():
            for event in events:
                log.apply(event)
        taken.append(time.perf_counter() - start)
        assert len(log.rows) == EVENTS
    with capsys.disabled():
        print(f"\n{EVENTS:,} events read and folded: {median(taken):.2f} s  (aim: under 1 s)")


async def test_keys_are_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STPLAY_HOME", str(tmp_path))
    run = Run.create(recipe.load("sample"), "busy", "sample")
    writer = EventWriter(run.events_path)
    begin(writer, EVENTS)
    over = threading.Event()

    def write() -> None:
        step = 0
        while not over.wait(0.02):
            for _ in range(EVENTS_A_SECOND // 50):
                step += 1
                writer.write(
                    TrainLogged(step=step, epoch=step / EVENTS, loss=1.0, learning_rate=1e-5)
                )

    thread = threading.Thread(target=write)
    taken = []
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        thread.start()
        await pilot.pause(4)
        for number in range(KEYS):
            await asyncio.sleep(0.05)
            wanted = "evaluate" if number % 2 == 0 else "train"
            start = time.perf_counter()
            pilot.app.simulate_key("2" if wanted == "evaluate" else "1")
            while pilot.app.current_mode != wanted:
                await asyncio.sleep(0.001)
            taken.append(time.perf_counter() - start)
        over.set()
    thread.join()
    with capsys.disabled():
        print(
            f"\nA key at {EVENTS_A_SECOND} events a second: median {median(taken) * 1000:.0f} ms, "
            f"95th percentile {quantiles(taken, n=20)[-1] * 1000:.0f} ms  (aim: under 100 ms)"
        )
