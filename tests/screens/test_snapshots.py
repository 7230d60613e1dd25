"""How the app looks, at the sizes people have."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
from piloting import eventually, fill, settle, settle_dialog
from samplerun import finished_run
from textual.pilot import Pilot

from stplay.screens.app import StplayApp
from stplay.screens.train.runview import RunView

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _gpu_box(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")


@pytest.mark.parametrize("size", SIZES)
def test_new_run(snap_compare: Any, size: tuple[int, int]) -> None:
    assert snap_compare(StplayApp(), terminal_size=size, run_before=settle)


@pytest.mark.parametrize("size", SIZES[:2])
def test_a_mistake_at_its_field(snap_compare: Any, size: tuple[int, int]) -> None:
    async def make_mistakes(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await fill(pilot, "#training-num_train_epochs", "two")
        await fill(pilot, "#model-base", "builtin:large")

    assert snap_compare(StplayApp(), terminal_size=size, run_before=make_mistakes)


@pytest.mark.parametrize("size", SIZES)
def test_a_run(snap_compare: Any, size: tuple[int, int]) -> None:
    finished_run(name="sample-7", steps=40)

    async def open_it(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await settle(pilot)

    assert snap_compare(StplayApp(), terminal_size=size, run_before=open_it)


@pytest.mark.parametrize(
    ("name", "keys"),
    [("crosshair", "home,down,down"), ("logarithmic", "tab,y,t"), ("hidden", "tab,h,m")],
)
def test_charts_looked_at(snap_compare: Any, name: str, keys: str) -> None:
    finished_run(name="sample-7", steps=40)

    async def look(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await settle(pilot)
        view = pilot.app.screen.query_one(RunView)
        await eventually(pilot, lambda: view.shows_all and bool(view.charts.size))
        await pilot.press(*keys.split(","))
        await settle(pilot)

    assert snap_compare(StplayApp(), terminal_size=(120, 40), run_before=look)


def test_a_failed_run_and_the_list(snap_compare: Any) -> None:
    finished_run(
        name="sample-8", steps=4, outcome="failed", exit_code=2, error="The disk of /data is full."
    )

    async def open_both(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("o")  # its worker waits for the person
        await settle_dialog(pilot)

    assert snap_compare(StplayApp(), terminal_size=(120, 40), run_before=open_both)
