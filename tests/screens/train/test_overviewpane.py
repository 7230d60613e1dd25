"""The pane that tells what a run is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from piloting import eventually, settle
from rich.console import RenderableType
from samplerun import finished_run
from textual.pilot import Pilot

from stplay.cli.console import SafeConsole
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.overviewpane import OverviewPane
from stplay.screens.train.trainscreen import TrainScreen

pytestmark = pytest.mark.usefixtures("home", "without_form")


async def open_pane(pilot: Pilot[None]) -> OverviewPane:
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(Run.find("done"))
    await settle(pilot)
    await pilot.press("i")
    await settle(pilot)
    return screen.query_one(OverviewPane)


def told(pane: OverviewPane) -> list[str]:
    renderable: Any = pane.words.content
    assert isinstance(renderable, RenderableType)
    console = SafeConsole(file=io.StringIO(), width=pane.size.width)
    with console.capture() as capture:
        console.print(renderable)
    return [" ".join(line.split()) for line in capture.get().splitlines() if line.strip()]


@pytest.mark.parametrize("size", [(140, 40), (80, 24)])
async def test_it_tells_the_facts_and_finds_some_of_them(size: tuple[int, int]) -> None:
    finished_run()
    async with StplayApp().run_test(size=size) as pilot:
        pane = await open_pane(pilot)
        assert pane.region.area
        assert pane.scroll.has_focus
        assert told(pane)[:3] == ["Run", "name done", "state ✓ finished"]
        await pilot.press("slash", *"learning")
        await eventually(pilot, lambda: len(told(pane)) == 2)
        assert told(pane) == ["Recipe: training", "* learning_rate 0.001 instead of 0.00005"]
        await pilot.press("enter")
        await settle(pilot)
        assert pane.scroll.has_focus, "the arrow keys move what was found"
        await pilot.press("slash", *"zzz")
        await eventually(
            pilot, lambda: told(pane) == ["No fact has these words; Escape shows all again."]
        )
        await pilot.press("escape")
        await eventually(pilot, lambda: len(told(pane)) > 30)
        assert not pane.entry.display


async def test_beside_the_table_its_key_opens_it_and_the_charts_again() -> None:
    finished_run()
    async with StplayApp().run_test(size=(140, 40)) as pilot:
        pane = await open_pane(pilot)
        table, charts = pane.screen.query_one("TrainingTable"), pane.screen.query_one("#charts")
        assert table.region.area
        assert not charts.region.area
        await pilot.press("i")
        await settle(pilot)
        assert charts.region.area
        assert not pane.region.area
        assert table.has_focus


async def test_where_there_is_no_room_it_takes_the_tables_place() -> None:
    finished_run()
    async with StplayApp().run_test(size=(80, 24)) as pilot:
        pane = await open_pane(pilot)
        table, charts = pane.screen.query_one("TrainingTable"), pane.screen.query_one("#charts")
        assert (table.region.area, charts.region.area) == (0, 0)
        await pilot.press("g")
        await settle(pilot)
        assert charts.region.area
        assert (table.region.area, pane.region.area) == (0, 0)
        await pilot.press("g")
        await settle(pilot)
        assert table.region.area
        assert table.has_focus
