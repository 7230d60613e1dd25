"""Runs that were chosen from the list, together on the Train screen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from piloting import eventually, settle, settle_dialog, text_of
from runsondisk import STARTED, create, worker_of, write
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widgets import DataTable
from textual_plot.plot_widget import LinePlot

from stplay.jobs.events import TrainLogged
from stplay.runs.axis import ACROSS, Axis
from stplay.runs.curves import Curve
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.comparisonview import ComparisonView
from stplay.screens.train.linestyles import LINE_STYLES
from stplay.screens.train.overlaidchart import OverlaidChart, dashed
from stplay.screens.train.runlist import RunList


@asynccontextmanager
async def compared(size: tuple[int, int] = (120, 40), runs: int = 2) -> AsyncIterator[Pilot[None]]:
    """The app with the newest runs of the list together."""
    async with StplayApp().run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press(*["space"] * runs, "enter")
        await eventually(pilot, lambda: bool(pilot.app.screen.query(ComparisonView)))
        await eventually(pilot, lambda: "on top" in text_of(pilot, "#compared-runs"))
        yield pilot


def cells(pilot: Pilot[None]) -> dict[str, list[str]]:
    table = pilot.app.screen.query_one("#compared-table", DataTable)
    rows = [[cell.plain for cell in table.get_row_at(n)] for n in range(table.row_count)]
    return {title: words for title, *words in rows}


def colours(chart: OverlaidChart) -> list[str]:
    """Those of its lines, each once, the undermost first."""
    lines = [each.line_style for each in chart.plot._datasets if isinstance(each, LinePlot)]
    return [*dict.fromkeys(lines)]


@pytest.fixture
def _runs(home: Path) -> None:
    finished_run("short", steps=3)
    finished_run("long", steps=30)


@pytest.mark.usefixtures("_runs")
async def test_curves_and_figures_stand_together_and_one_is_on_top() -> None:
    async with compared() as pilot:
        assert "long on top" in text_of(pilot, "#compared-runs")
        assert cells(pilot)["least dev loss"] == ["0.0967 *", "0.9667"]
        assert cells(pilot)["steps"] == ["3,000", "300"]
        charts = [*pilot.app.screen.query(OverlaidChart)]
        await eventually(pilot, lambda: all(len(colours(chart)) == 2 for chart in charts))
        theme = pilot.app.current_theme
        first, second = LINE_STYLES[0].colour(theme), LINE_STYLES[1].colour(theme)
        assert [colours(chart) for chart in charts] == [[second, first]] * 3
        await pilot.press("p")
        await eventually(pilot, lambda: "short on top" in text_of(pilot, "#compared-runs"))
        await eventually(pilot, lambda: colours(charts[0]) == [first, second])
        assert cells(pilot)["steps"] == ["300", "3,000"]


@pytest.mark.usefixtures("_runs")
async def test_the_axis_is_steps_epochs_or_seconds() -> None:
    async with compared() as pilot:
        plot = pilot.app.screen.query(OverlaidChart).first().plot
        view = pilot.app.screen.query_one(ComparisonView)
        for across in ACROSS:
            end = 1.02 * max(Axis(run.series, across).extent for run in view._runs)
            wanted = across, pytest.approx(end)
            await eventually(pilot, lambda wanted=wanted: (plot.across, plot._x_max) == wanted)
            await pilot.press("t")


@pytest.mark.usefixtures("_runs")
async def test_escape_goes_back_to_the_list_where_the_runs_are_still_chosen() -> None:
    async with compared() as pilot:
        await pilot.press("escape")
        await settle_dialog(pilot)
        assert "2 chosen" in text_of(pilot, "#runs-hint")
        await pilot.press("escape")
        await eventually(pilot, lambda: not pilot.app.screen.query_one(RunList).display)
        assert pilot.app.screen.query_one("NewRun").display


@pytest.mark.usefixtures("_runs")
async def test_a_narrow_terminal_has_the_table_or_one_chart() -> None:
    async with compared(size=(80, 24)) as pilot:
        table = pilot.app.screen.query_one("#compared-table")
        charts = [*pilot.app.screen.query(OverlaidChart)]

        def seen() -> list[bool]:
            return [bool(each.size.area) for each in (table, *charts)]

        for place in (0, 1, 2, 3, 0):
            wanted = [number == place for number in range(4)]
            await eventually(pilot, lambda wanted=wanted: seen() == wanted)
            await pilot.press("g")
        await pilot.press("escape")
        await settle_dialog(pilot)


async def test_it_is_live_and_outlives_a_run_that_is_deleted(home: Path) -> None:
    run = write(create("busy"), worker_of(psutil.Process()), STARTED)
    finished_run("done")
    async with compared() as pilot:
        assert cells(pilot)["newest training loss"] == ["1.0000", "-"]
        write(run, TrainLogged(step=9, epoch=0.5, loss=0.25, learning_rate=1e-5))
        await eventually(
            pilot, lambda: cells(pilot)["newest training loss"] == ["1.0000", "0.2500 *"]
        )
        Run.find("done").delete()
        await pilot.press("p")
        await eventually(pilot, lambda: "busy on top" in text_of(pilot, "#compared-runs"))


@given(
    st.lists(st.integers(0, 500), min_size=2, max_size=20, unique=True).map(sorted),
    st.sampled_from([style.dashes for style in LINE_STYLES]),
)
def test_dashes_are_parts_of_the_curve(steps: list[int], dashes: tuple[int, ...]) -> None:
    x = np.array(steps, np.float64)
    curve = Curve(x, np.sin(x))
    parts = [*dashed(curve, dashes, 1.0)]
    drawn = sum(part.x[-1] - part.x[0] for part in parts)
    for part in parts:
        assert np.allclose(part.y, np.interp(part.x, curve.x, curve.y))
    if not dashes:
        assert parts == [curve]
        return
    span, period = x[-1] - x[0], sum(dashes)
    on = sum(dashes[::2]) / period
    assert abs(drawn - on * span) <= period
    longer = Curve(np.append(x, x[-1] + 50), np.append(curve.y, 0.0))
    for part, again in zip(parts[:-1], dashed(longer, dashes, 1.0), strict=False):
        assert np.array_equal(part.x, again.x), "a curve that grows keeps its dashes"
