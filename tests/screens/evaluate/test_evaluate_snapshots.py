"""How the Evaluate screen looks, at the sizes people have."""

from __future__ import annotations

import platform
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from piloting import fill, settle
from sampleevaluation import finished_evaluation
from textual.pilot import Pilot

from stplay.evaluations.evaluation import Evaluation
from stplay.runs import modelsathand
from stplay.screens.app import StplayApp
from stplay.screens.evaluate.evaluatescreen import EvaluateScreen

SIZES = [(80, 24), (120, 40), (200, 60)]


@pytest.fixture(autouse=True)
def _gpu_box(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(modelsathand, "cached_hub_models", list)


def showing(*keys: str, name: str = "") -> Callable[[Pilot[None]], Awaitable[None]]:
    """Opens the evaluation called ``name``, or the form, and presses ``keys``."""

    async def go(pilot: Pilot[None]) -> None:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        if name and isinstance(pilot.app.screen, EvaluateScreen):
            pilot.app.screen.show_results([Evaluation.find(name)])
            await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)

    return go


@pytest.mark.parametrize("size", SIZES)
def test_the_form(snap_compare: Any, size: tuple[int, int]) -> None:
    finished_evaluation("all-nli-1", data="all-nli")
    assert snap_compare(StplayApp("evaluate"), terminal_size=size, run_before=showing())


def test_the_first_visit_and_a_mistake(snap_compare: Any) -> None:
    async def go(pilot: Pilot[None]) -> None:
        await showing()(pilot)
        await fill(pilot, "#rows", "many")

    assert snap_compare(StplayApp("evaluate"), terminal_size=(120, 40), run_before=go)


@pytest.mark.parametrize("size", SIZES)
def test_two_models_beside_the_card(snap_compare: Any, size: tuple[int, int]) -> None:
    finished_evaluation("all-nli-1", data="all-nli")
    go = showing("down", name="all-nli-1")
    assert snap_compare(StplayApp("evaluate"), terminal_size=size, run_before=go)


@pytest.mark.parametrize("size", SIZES[:2])
def test_checkpoints_over_their_steps(snap_compare: Any, size: tuple[int, int]) -> None:
    steps = (500, 1000, 1500, 2000, 2500, 3000)
    finished_evaluation("sample-1", models=[f"run:all-nli-7@{step}" for step in steps])
    go = showing(name="sample-1")
    assert snap_compare(StplayApp("evaluate"), terminal_size=size, run_before=go)


def test_the_breakdown(snap_compare: Any) -> None:
    finished_evaluation("sample-1", sources=["snli", "multinli"])
    go = showing("i", name="sample-1")
    assert snap_compare(StplayApp("evaluate"), terminal_size=(120, 40), run_before=go)
