"""Another run laid behind the one that is shown, by its key."""

from __future__ import annotations

from pathlib import Path

import pytest
from piloting import eventually, settle, settle_dialog
from runsondisk import STARTED, create, write
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widgets import Input, OptionList
from textual_plot.plot_widget import LinePlot

from stplay.screens.app import StplayApp
from stplay.screens.shared.theme import FAINT
from stplay.screens.train.chart import Chart
from stplay.screens.train.runview import RunView, TrainingTable

pytestmark = pytest.mark.usefixtures("home", "without_form")


async def lay_behind(pilot: Pilot[None], wanted: str, place: str = "") -> None:
    """Choose a run in the list that the key opens, or a ``place`` in the line after it."""
    await pilot.press("b")
    await settle_dialog(pilot)
    await eventually(pilot, lambda: pilot.app.screen.is_modal)
    options = pilot.app.screen.query_one(OptionList)
    options.highlighted = options.get_option_index(wanted)
    await pilot.press("enter")
    if place:
        await eventually(pilot, lambda: bool(pilot.app.screen.query(Input)))
        pilot.app.screen.query_one(Input).value = place
        await pilot.press("enter")
    await eventually(pilot, lambda: not pilot.app.screen.is_modal)


def titles(table: TrainingTable) -> list[str]:
    return [title for title, _ in table.columns]


def against(table: TrainingTable) -> list[str]:
    """The last column."""
    return [table.cells(row)[-1] for row in range(table.row_count)]


async def test_another_run_lies_behind_in_the_table_and_the_charts(home: Path) -> None:
    finished_run("a-run-of-a-long-name", steps=4)
    finished_run("mine", steps=8)
    async with StplayApp().run_test(size=(160, 50)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(pilot.app.screen.query(RunView)))
        view = pilot.app.screen.query_one(RunView)
        await eventually(pilot, lambda: view.shows_all)
        table = view.table
        assert len(titles(table)) == 6
        await lay_behind(pilot, "a-run-of-a-long-name")
        await eventually(pilot, lambda: len(titles(table)) == 7)
        assert titles(table)[-1] == "to a-…me"
        # Each of its four steps lies at every second one of eight; before the first is nothing.
        signs = ["-", "+0.000", "~+0.000", "+0.000", "~+0.000", "+0.000", "~+0.000", "+0.000"]
        assert against(table) == signs
        plot = pilot.app.screen.query(Chart).first().plot

        def behind() -> list[float]:
            lines = [line for line in plot._datasets if isinstance(line, LinePlot)]
            return [float(line.x.max()) for line in lines if line.line_style == FAINT]

        await eventually(pilot, lambda: behind() == [pytest.approx(800.0)] * 2)
        await lay_behind(pilot, "-")
        await eventually(pilot, lambda: len(titles(table)) == 6)
        await eventually(pilot, lambda: behind() == [])
        assert table.row_count == 8


async def test_what_has_measured_nothing_is_told_and_changes_nothing(
    home: Path, tmp_path: Path
) -> None:
    write(create("nothing"), STARTED)
    finished_run("mine")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(pilot.app.screen.query(RunView)))
        view = pilot.app.screen.query_one(RunView)
        await eventually(pilot, lambda: view.shows_all)
        await lay_behind(pilot, "nothing")
        await eventually(pilot, lambda: bool(pilot.app._notifications))
        assert len(titles(view.table)) == 6
        card = tmp_path / "README.md"
        card.write_text(
            "| Epoch | Step | my-dev_max_accuracy | b |\n|--|--|--|--|\n"
            "| 0.0 | 0 | 0.71 | 1 |\n| 1.0 | 10 | 0.71 | 2 |\n"
        )
        for name, told in ((tmp_path / "nowhere", "There is no"), (card, "have one already: b.")):
            pilot.app.clear_notifications()
            await lay_behind(pilot, "+", str(name))
            await eventually(pilot, lambda: bool(pilot.app._notifications))
            assert told in next(iter(pilot.app._notifications)).message
        await eventually(pilot, lambda: len(titles(view.table)) == 7)
        assert against(view.table) == ["~+0.100", "~+0.100", "+0.100"]
