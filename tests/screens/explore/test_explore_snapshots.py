"""How the Explore screen looks, at the sizes people have."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
from piloting import eventually, playground_of
from textual.pilot import Pilot
from textual.widgets import Static

from stplay.screens.app import StplayApp
from stplay.screens.explore.explorescreen import ExploreScreen
from stplay.screens.explore.playground import Playground

SIZES = [(80, 24), (120, 40), (200, 60)]
MANY = [
    f"{who} {does} {where}."
    for who in ("The dog", "A cat", "My horse", "An old man")
    for does in ("sleeps", "runs")
    for where in ("in the garden", "on the street", "at home")
]


@pytest.fixture(autouse=True)
def _gpu_box(warm_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")


async def answered(pilot: Pilot[None], sentences: list[str] | None = None) -> Playground:
    """The playground with the packaged MiniLM's answers, and no time on it."""
    screen = pilot.app.screen
    assert isinstance(screen, ExploreScreen)
    if sentences is not None:
        screen.show_sentences(sentences, "builtin:minilm")
    playground = await playground_of(pilot)
    wanted = sentences or [sentence.text for sentence in playground.editor.sentences]
    await eventually(pilot, lambda: [one.text for one in playground.sentences] == wanted)
    playground.query_one("#speed", Static).display = False
    await pilot.press("escape")
    return playground


@pytest.mark.parametrize("size", SIZES)
def test_the_cards_sentences(snap_compare: Any, size: tuple[int, int]) -> None:
    async def run_before(pilot: Pilot[None]) -> None:
        await answered(pilot)

    assert snap_compare(StplayApp("explore"), terminal_size=size, run_before=run_before)


@pytest.mark.parametrize("size", SIZES)
def test_many_sentences_in_clusters(snap_compare: Any, size: tuple[int, int]) -> None:
    async def run_before(pilot: Pilot[None]) -> None:
        playground = await answered(pilot, MANY)
        await pilot.press("o", "o", *["right_square_bracket"] * 8, "down", "down")
        await eventually(
            pilot,
            lambda: (
                playground.grids[0].threshold is not None
                and playground.grids[0].threshold > 0.39
                and list(playground.grids[0].order) != sorted(playground.grids[0].order)
            ),
        )

    assert snap_compare(StplayApp("explore"), terminal_size=size, run_before=run_before)


@pytest.mark.parametrize("size", SIZES[:2])
def test_the_map(snap_compare: Any, size: tuple[int, int]) -> None:
    async def run_before(pilot: Pilot[None]) -> None:
        playground = await answered(pilot, MANY)
        playground.answers.map.offers_umap = False  # on no machine
        await pilot.press("v")
        await eventually(
            pilot,
            lambda: playground.answers.shown == "map" and bool(playground.answers.map._places),
        )
        await eventually(pilot, lambda: not pilot.app.workers._workers)

    assert snap_compare(StplayApp("explore"), terminal_size=size, run_before=run_before)


@pytest.mark.parametrize("size", SIZES[:2])
def test_two_models(snap_compare: Any, size: tuple[int, int]) -> None:
    async def run_before(pilot: Pilot[None]) -> None:
        playground = await answered(pilot)
        playground.models.open("builtin:tiny", 1)
        await eventually(pilot, lambda: len(playground.grids) == 3, seconds=120)
        await eventually(pilot, lambda: not pilot.app.workers._workers)

    assert snap_compare(StplayApp("explore"), terminal_size=size, run_before=run_before)
