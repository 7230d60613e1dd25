"""How the list of runs looks, and runs that are compared."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

import pytest
from piloting import eventually, settle, settle_dialog, text_of
from samplerun import finished_run
from textual.pilot import Pilot
from textual_plot.plot_widget import LinePlot

from stplay.runs import runnote
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.overlaidchart import OverlaidChart

SIZES = [(80, 24), (120, 40)]


@pytest.fixture(autouse=True)
def _runs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    finished_run("sample-1", steps=40)
    finished_run("sample-2", steps=25, synthetic=False)
    finished_run("broken", outcome="failed", exit_code=1, error="The disk of /data is full.")
    finished_run("sample-3", steps=12, outcome="stopped", exit_code=130)
    runnote.write(Run.find("sample-2").folder, "#baseline the first try")
    for place, run in enumerate(("sample-1", "sample-2", "broken", "sample-3")):
        os.utime(Run.find(run).events_path, (place, place))


async def open_list(pilot: Pilot[None]) -> None:
    await settle(pilot)
    await pilot.press("o")
    await settle_dialog(pilot)


@pytest.mark.parametrize("size", SIZES)
def test_the_list(snap_compare: Any, size: tuple[int, int]) -> None:
    async def choose(pilot: Pilot[None]) -> None:
        await open_list(pilot)
        await pilot.press("space", "down", "space", "s", "s")
        await settle(pilot)

    assert snap_compare(StplayApp(), terminal_size=size, run_before=choose)


def test_a_mistake_in_the_filter(snap_compare: Any) -> None:
    async def narrow(pilot: Pilot[None]) -> None:
        await open_list(pilot)
        await pilot.press("slash", *"loss<1")
        await eventually(pilot, lambda: "Runs have no" in text_of(pilot, "#runs-filter-complaint"))

    assert snap_compare(StplayApp(), terminal_size=(80, 24), run_before=narrow)


@pytest.mark.parametrize(("size", "keys"), [(SIZES[0], ["g"]), (SIZES[0], []), (SIZES[1], ["p"])])
def test_compared_runs(snap_compare: Any, size: tuple[int, int], keys: list[str]) -> None:
    async def compare(pilot: Pilot[None]) -> None:
        await open_list(pilot)
        await pilot.press("space", "down", "space", "space", "enter")
        await eventually(pilot, lambda: "on top" in text_of(pilot, "#compared-runs"))
        await pilot.press(*keys)
        await settle(pilot)
        if keys:
            await eventually(pilot, lambda: all_drawn(pilot))

    def all_drawn(pilot: Pilot[None]) -> bool:
        charts = [each for each in pilot.app.screen.query(OverlaidChart) if each.size.area]
        datasets = [each.plot._datasets for each in charts]
        return bool(charts) and all(isinstance(each[0], LinePlot) for each in datasets if each)

    assert snap_compare(StplayApp(), terminal_size=size, run_before=compare)
