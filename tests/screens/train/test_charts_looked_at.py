"""Ways to look at charts: along another axis, in a log scale, without some of their lines."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from piloting import eventually
from samplerun import finished_run
from test_chartgrid import legend, open_run
from textual_hires_canvas import Canvas
from textual_plot.plot_widget import LinePlot

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import RunResumed, TrainLogged
from stplay.screens.app import StplayApp
from stplay.screens.train.chart import Chart

pytestmark = pytest.mark.usefixtures("home", "without_form")

SIZE = (200, 60)


def below(chart: Chart) -> str:
    """What stands below the axis."""
    return "".join(chart.plot.query_one("#margin-bottom", Canvas)._buffer[0])


def beside(chart: Chart) -> list[str]:
    """What stands beside the axis, from the top, and nothing where nothing does."""
    rows = chart.plot.query_one("#margin-left", Canvas)._buffer
    return ["".join(row).strip() for row in rows]


def drawn(chart: Chart) -> list[list[tuple[float, float]]]:
    """The points of its lines."""
    lines = (line for line in chart.plot._datasets if isinstance(line, LinePlot))
    return [list(zip(line.x.tolist(), line.y.tolist(), strict=True)) for line in lines]


async def test_the_axis_is_steps_epochs_or_time_and_says_so(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        grid = await open_run(pilot)
        chart = grid.query(Chart).first()
        chart.plot.focus()
        await eventually(
            pilot, lambda: below(chart).split() == ["0", "500", "1,000", "1,500", "step"]
        )
        await pilot.press("t")
        await eventually(pilot, lambda: below(chart).split()[-1] == "epoch")
        assert max(x for line in drawn(chart) for x, _ in line) == 1.0
        await pilot.press("t")
        await eventually(pilot, lambda: below(chart).split()[-1] == "time")
        assert below(chart).split()[:4] == ["0", "s", "5", "s"]
        await pilot.press("t")
        await eventually(pilot, lambda: below(chart).split()[-1] == "step")


async def test_a_break_is_no_time_of_training(home: Path) -> None:
    run = finished_run(steps=4)
    writer = EventWriter(run.events_path)
    writer.write(RunResumed(time=9000.0, step=200))
    for step in (300, 400):
        time = 9000.0 + (step - 200) / 100
        writer.write(TrainLogged(time=time, step=step, epoch=1, loss=1, learning_rate=0))
    async with StplayApp().run_test(size=SIZE) as pilot:
        grid = await open_run(pilot)
        chart = grid.query(Chart).first()
        chart.plot.focus()
        await pilot.press("t", "t")
        await eventually(pilot, lambda: below(chart).split()[-1] == "time")
        train = drawn(chart)[-1]
        assert [x for x, _ in train] == [1.0, 2.0, 3.0, 4.0]
        assert "breaks left out" in legend(grid, "loss")


async def test_a_log_scale_shows_powers_and_what_is_not_above_zero_is_a_gap(home: Path) -> None:
    run = finished_run(steps=3)
    writer = EventWriter(run.events_path)
    for step, loss in ((400, 0.0), (500, -1.0), (600, 0.01), (700, 0.001)):
        writer.write(TrainLogged(step=step, epoch=1, loss=loss, learning_rate=0))
    async with StplayApp().run_test(size=SIZE) as pilot:
        grid = await open_run(pilot)
        chart = grid.query(Chart).first()
        chart.plot.focus()
        await pilot.press("y")
        assert legend(grid, "loss").endswith("   log scale")
        await eventually(pilot, lambda: "0.01" in beside(chart))
        dev, first, second = drawn(chart)
        assert [x for x, _ in dev] == [x for x, _ in first] == [100, 200, 300]
        assert [(x, round(y, 6)) for x, y in second] == [(600, -2.0), (700, -3.0)]
        await pilot.press("y")
        assert "log scale" not in legend(grid, "loss")
        assert len(drawn(chart)) == 2


async def test_a_click_on_a_name_hides_its_line(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        grid = await open_run(pilot)
        chart = grid.query(Chart).first()
        place = legend(grid, "loss").index("train") + 2
        assert await pilot.click(chart.legend, (place, 0))
        await eventually(pilot, lambda: len(drawn(chart)) == 1)
        assert legend(grid, "loss") == "loss   ○ train   ━ dev 0.145"
        assert await pilot.click(chart.legend, (place, 0))
        await eventually(pilot, lambda: len(drawn(chart)) == 2)


async def test_a_key_shows_one_line_after_the_other_alone(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        grid = await open_run(pilot)
        grid.query(Chart).first().plot.focus()
        legends = []
        for _ in range(3):
            await pilot.press("h")
            legends.append(legend(grid, "loss"))
        assert legends == [
            "loss   ━ train 0.15   ○ dev",
            "loss   ○ train   ━ dev 0.145",
            "loss   ━ train 0.15   ━ dev 0.145",
        ]


async def test_numbers_beside_a_chart_are_whole_and_evenly_apart(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=SIZE) as pilot:
        grid = await open_run(pilot)
        shown = [chart for chart in grid.query(Chart) if chart.display]
        for chart in shown:
            await eventually(pilot, lambda chart=chart: any(beside(chart)))
            labels = beside(chart)
            rows = [row for row, label in enumerate(labels) if label]
            assert len(rows) >= 2, chart.title
            assert len({after - before for before, after in pairwise(rows)}) == 1
        memory = next(chart for chart in shown if chart.title == "memory of the process")
        assert all(label.endswith(("GiB", "MiB")) for label in beside(memory) if label)
