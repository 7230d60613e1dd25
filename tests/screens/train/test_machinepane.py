"""The machine beside a run's table: with GPUs and without, live, and after the run's end."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
import sampledmachine
from piloting import eventually, settle
from runsondisk import STARTED, create, write
from textual.pilot import Pilot

from stplay.jobs.events import SystemSampled, WorkerStarted
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.chart import Chart
from stplay.screens.train.machinepane import NOT_TOLD, NOTHING_YET, MachinePane
from stplay.screens.train.trainscreen import TrainScreen

pytestmark = pytest.mark.usefixtures("home", "without_form")

SIZES = [(80, 24), (120, 40)]


async def open_pane(pilot: Pilot[None], run: Run) -> MachinePane:
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(run)
    await settle(pilot)
    await pilot.press("k")
    pane = screen.query_one(MachinePane)
    await eventually(pilot, lambda: bool(lines(pane)))
    return pane


def lines(pane: MachinePane) -> list[str]:
    text = str(pane.text.render()).replace("\xa0", " ")
    return [line.rstrip() for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("gpus", [0, 2])
def test_how_it_looks(
    home: Path,
    snap_compare: Any,
    size: tuple[int, int],
    gpus: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    monkeypatch.setattr("stplay.screens.train.machinepane.moment", lambda _: "2026-01-12 13:46")
    run = sampledmachine.sampled_run("sample-7", gpus, "its power limit", "heat")

    async def open_it(pilot: Pilot[None]) -> None:
        await open_pane(pilot, run)

    assert snap_compare(StplayApp(), terminal_size=size, run_before=open_it)


@pytest.mark.parametrize("size", SIZES)
async def test_what_the_machine_and_the_training_take(home: Path, size: tuple[int, int]) -> None:
    run = sampledmachine.sampled_run("sample-7", 1)
    async with StplayApp().run_test(size=size) as pilot:
        found = lines(await open_pane(pilot, run))
        heads = [line.split("  ")[0] for line in found if not line.startswith(" ")]
        assert heads[1:] == ["GPU 0", "gpu-box", "training process"]
        assert heads[0].startswith("As last told, 1970-01-12 ")
        figures = [" ".join(line.split()) for line in found]
        assert any(line.startswith("processors 2.4 of 32") for line in figures)
        assert any(line.startswith("GPU memory 11.0 GiB") for line in figures)
        assert any(line.startswith("checkpoints 3 kept, 448.0 MiB") for line in figures)
        await pilot.press("k")
        screen = pilot.app.screen
        await eventually(pilot, lambda: not screen.query_one(MachinePane).display)


async def test_it_is_live_and_says_what_it_waits_for(home: Path) -> None:
    run = write(create("live"), WorkerStarted(host="elsewhere", pid=1, process_started=0.0))
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot, run)
        assert lines(pane) == [NOTHING_YET]
        write(run, STARTED, *sampledmachine.events(1, 2))
        await eventually(pilot, lambda: lines(pane)[0].startswith("GPU 0"))
        assert any(line.startswith("elsewhere  32 processors") for line in lines(pane))
        write(run, SystemSampled(cpu_percent=50, memory_bytes=1))
        await eventually(pilot, lambda: lines(pane)[0] == "training process")


async def test_a_run_of_several_processes_says_whose_figures_they_are(home: Path) -> None:
    from msgspec.structs import replace

    worker = WorkerStarted(host="elsewhere", pid=1, process_started=0.0)
    run = write(create("many"), worker, replace(STARTED, processes=4))
    write(run, *sampledmachine.events(1, 2))
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        assert "training process  the first of 4" in lines(await open_pane(pilot, run))


async def test_a_run_that_told_nothing_says_so_and_another_one_begins_anew(home: Path) -> None:
    old = write(create("old"))
    run = sampledmachine.sampled_run("sample-7", 1)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        pane = await open_pane(pilot, run)
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(old)
        await eventually(pilot, lambda: lines(pane) in ([NOT_TOLD], [NOTHING_YET]))


async def test_the_machine_has_charts_and_what_never_changes_is_one(home: Path) -> None:
    run = sampledmachine.sampled_run("sample-7", 2)
    async with StplayApp().run_test(size=(200, 60)) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(run)
        await settle(pilot)
        titles = {"GPU use", "GPU power", "disk left", "network, a second"}
        await pilot.press("tab", "full_stop")

        def seen() -> set[str]:
            return {chart.title for chart in screen.query(Chart) if chart.display}

        pages: set[str] = set()
        while not titles <= pages:
            pages |= seen()
            await pilot.press("full_stop")
            await settle(pilot)
        (chart,) = (chart for chart in screen.query(Chart) if chart.title == "disk left")
        low, high = chart.plot._y_min, chart.plot._y_max
        assert low < 412 * sampledmachine.GIB < high
        assert high - low > sampledmachine.GIB
