"""A run of a million logged steps: opened, drawn, held in memory, and keys answered meanwhile."""

from __future__ import annotations

import asyncio
import os
import random
import time
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import msgspec
import psutil
import pytest
from piloting import settle
from samplerun import finished_run
from terminal import Terminal
from test_terminal_bytes import write_step
from textual.pilot import Pilot

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import TrainLogged
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.chart import Chart
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainscreen import TrainScreen

STEPS = 1_000_000
FRAMES = 15
MEBIBYTE = 1 << 20


@pytest.fixture
def long_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Finished, each of its steps logged."""
    monkeypatch.setenv("STPLAY_HOME", str(tmp_path))
    run = finished_run("long", steps=2)
    *begin, end = run.events_path.read_bytes().splitlines(keepends=True)
    drawn, encoder = random.Random(0), msgspec.json.Encoder()
    with run.events_path.open("wb") as file:
        file.writelines(begin)
        for step in range(300, STEPS + 300):
            event = TrainLogged(
                time=20 + step / 10,
                step=step,
                epoch=step / STEPS,
                loss=1e5 / step + drawn.random(),
                learning_rate=5e-5 * (1 - step / (2 * STEPS)),
                gradient_norm=2 + drawn.random(),
                samples_per_second=1700 + 100 * drawn.random(),
                tokens_per_second=61_000 + 1000 * drawn.random(),
            )
            file.write(encoder.encode(event) + b"\n")
        file.write(end)
    writer = EventWriter(run.events_path)
    for step in range(STEPS + 300, STEPS + 501):  # with evaluations at the end of it
        write_step(writer, step, drawn)
    writer.close()
    return run


def test_open(long_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(size=(200, 60), env={"STPLAY_HOME": str(tmp_path)}) as terminal:
        terminal.wait_for("Learning rate")
        process = psutil.Process(terminal.pid)
        terminal.type("o")
        terminal.wait_for("Open a run")
        taken, before = time.perf_counter(), process.cpu_times().user
        terminal.type("\r")
        terminal.wait_for(f"{STEPS + 500:,}  ")
        terminal.wait_for(lambda text: any("⠀" < char <= "⣿" for char in text))
        taken, spent = time.perf_counter() - taken, process.cpu_times().user - before
        memory = process.memory_info().rss
    with capsys.disabled():
        print(
            f"\n{STEPS:,} steps, from the key to all of the charts: {taken:.2f} s  (aim: 2)"
            f"\n  of which the app computed {spent:.2f} s; on {os.cpu_count()} cores, at a load of "
            f"{os.getloadavg()[0]:.1f}"
            f"\n  memory of the app {memory / MEBIBYTE:.0f} MiB  (aim: below 200)"
        )


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60), (400, 100)])
async def test_frame(
    long_run: Run, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    drawing, longest = [], []
    async with StplayApp().run_test(size=size) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(long_run)
        view = screen.query_one(RunView)
        if size[0] < 118:
            await pilot.press("g")
        while not view.shows_all or not view.charts.size:
            await asyncio.sleep(0.01)
        await pilot.pause()
        charts = [chart for chart in view.charts.query(Chart) if chart.display]
        for _ in range(FRAMES):
            parts = [time.process_time()]
            view.charts.draw()
            parts.append(time.process_time())
            for chart in charts:  # each comes by itself, with keys between them
                chart.plot.render()
                parts.append(time.process_time())
            took = [after - before for before, after in pairwise(parts)]
            drawing.append(sum(took))
            longest.append(max(took))
    with capsys.disabled():
        print(
            f"\nA frame of {len(charts)} charts at {size[0]}x{size[1]}, of the processor: median "
            f"{median(drawing) * 1000:.0f} ms, without a pause {median(longest) * 1000:.0f} ms  "
            "(aim: below 50)"
        )


async def press(pilot: Pilot[None]) -> tuple[float, float]:
    """How long a key takes that moves the focus: as it is felt, and of the processor."""
    focused, begin = pilot.app.focused, (time.perf_counter(), time.process_time())
    pilot.app.simulate_key("tab")
    while pilot.app.focused is focused:
        await asyncio.sleep(0.001)
    felt, computed = time.perf_counter() - begin[0], time.process_time() - begin[1]
    await asyncio.sleep(0.02)
    return felt, computed


async def test_keys_are_answered_meanwhile(
    long_run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: dict[str, list[tuple[float, float]]] = {"while they are read": [], "afterwards": []}
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(long_run)
        view = screen.query_one(RunView)
        while not view.shows_all:
            taken["while they are read"].append(await press(pilot))
        for _ in taken["while they are read"]:
            taken["afterwards"].append(await press(pilot))
    with capsys.disabled():
        print("\nA key, of which the 95th percentile is to be below 100 ms")
        for when, keys in taken.items():
            felt, computed = zip(*keys, strict=True)
            for name, seconds in (("as it is felt", felt), ("of the processor", computed)):
                print(
                    f"  {when:20} {name:16} median {median(seconds) * 1000:4.0f} ms, "
                    f"95th percentile {quantiles(seconds, n=20)[-1] * 1000:4.0f} ms"
                )
