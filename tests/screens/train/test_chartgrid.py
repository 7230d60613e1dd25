"""The charts of a run beside its table: what was measured, live, on pages, smoothed, enlarged."""

from __future__ import annotations

from pathlib import Path

import pytest
from piloting import eventually, settle
from samplerun import finished_run
from textual.pilot import Pilot

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import (
    Evaluated,
    RunFinished,
    RunStarted,
    SystemSampled,
    TrainLogged,
    WorkerStarted,
)
from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.shared.linecanvas import LineCanvas
from stplay.screens.train.chart import Chart
from stplay.screens.train.chartgrid import ChartGrid
from stplay.screens.train.trainingtable import TrainingTable
from stplay.screens.train.trainscreen import TrainScreen
from stplay.similarities import SIMILARITIES

pytestmark = pytest.mark.usefixtures("home", "without_form")

BRAILLE = range(0x2801, 0x2900)


async def open_run(pilot: Pilot[None], name: str = "done") -> ChartGrid:
    await settle(pilot)
    screen = pilot.app.screen
    assert isinstance(screen, TrainScreen)
    await screen.show_run(Run.find(name))
    await settle(pilot)
    return screen.query_one(ChartGrid)


def titles(grid: ChartGrid) -> list[str]:
    return [chart.title for chart in grid.query(Chart) if chart.display]


def legend(grid: ChartGrid, title: str) -> str:
    (chart,) = (chart for chart in grid.query(Chart) if chart.title == title)
    return str(chart.legend.render())


def dots(grid: ChartGrid) -> dict[str, int]:
    """How many cells of each chart in view have a part of a line."""
    return {
        chart.title: sum(ord(char) in BRAILLE for row in canvas._buffer for char in row)
        for chart in grid.query(Chart)
        if chart.display
        for canvas in chart.plot.query("#plot").results(LineCanvas)
    }


async def test_what_was_measured_is_drawn_as_much_as_there_is_room_for(home: Path) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=(200, 60)) as pilot:
        grid = await open_run(pilot)
        shown = ["loss", "dev accuracy", "learning rate", "gradient norm", "samples a second"]
        assert titles(grid) == [*shown, "memory of the process", "use"], "no GPU was there"
        await eventually(pilot, lambda: all(dots(grid).values()))
        assert legend(grid, "loss") == "loss   ━ train 0.15   ━ dev 0.145"
        assert legend(grid, "use") == "use   ━ processor 180 %"
        assert grid.pages == 1
        await pilot.resize_terminal(120, 40)
        await eventually(pilot, lambda: titles(grid) == shown[:2])
        assert grid.pages == 4
        await eventually(pilot, lambda: all(dots(grid).values()))


async def test_pages_are_turned(home: Path) -> None:
    finished_run()
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        grid = await open_run(pilot)
        grid.query(Chart).first().plot.focus()
        await pilot.press("full_stop")
        assert titles(grid) == ["learning rate", "gradient norm"]
        await pilot.press("comma", "comma")
        assert titles(grid) == ["use"]
        await pilot.press("full_stop")
        assert titles(grid) == ["loss", "dev accuracy"]


async def test_a_chart_is_enlarged_and_put_back(home: Path) -> None:
    finished_run()
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        grid = await open_run(pilot)
        grid.query(Chart)[1].plot.focus()
        await pilot.press("enter")
        assert titles(grid) == ["dev accuracy"]
        await eventually(pilot, lambda: grid.query(Chart)[1].size.height > 25)
        await pilot.press("enter")
        assert titles(grid) == ["loss", "dev accuracy"]


async def test_smoothing_draws_what_is_smoothed_before_it(home: Path) -> None:
    finished_run(steps=30)
    async with StplayApp().run_test(size=(200, 60)) as pilot:
        grid = await open_run(pilot)
        grid.query(Chart).first().plot.focus()
        lines = len(grid.query(Chart).first().plot._datasets)
        await pilot.press("m")
        assert legend(grid, "loss").endswith("   smoothed 0.6")
        assert len(grid.query(Chart).first().plot._datasets) == 2 * lines
        await pilot.press("m", "m", "m")
        assert "smoothed" not in legend(grid, "loss")


async def test_where_there_is_no_room_for_both_a_key_swaps_them(home: Path) -> None:
    finished_run()
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        grid = await open_run(pilot)
        assert "g" not in pilot.app.screen.active_bindings
        await pilot.resize_terminal(80, 24)
        await eventually(pilot, lambda: "g" in pilot.app.screen.active_bindings)
        await eventually(pilot, lambda: grid.size.width == 0)
        await pilot.press("g")
        await eventually(pilot, lambda: grid.size.width > 60 and bool(dots(grid)))
        assert titles(grid) == ["loss", "dev accuracy"]
        await eventually(pilot, lambda: all(dots(grid).values()))
        await pilot.press("g")
        await eventually(pilot, lambda: grid.size.width == 0)


async def test_it_is_live_and_what_is_not_finite_is_said(home: Path) -> None:
    run = finished_run()
    async with StplayApp().run_test(size=(200, 60)) as pilot:
        grid = await open_run(pilot)
        writer = EventWriter(run.events_path)
        for step, loss in ((400, 2.5), (500, None)):
            writer.write(TrainLogged(step=step, epoch=4.0, loss=loss, learning_rate=1e-5))
            words = "2.5" if loss else "not finite"
            await eventually(pilot, lambda words=words: f"train {words}" in legend(grid, "loss"))
        writer.write(SystemSampled(cpu_percent=1, memory_bytes=1, gpu_memory_bytes=3 << 30))
        await eventually(pilot, lambda: "memory of the GPU" in titles(grid))
        assert legend(grid, "memory of the GPU") == "memory of the GPU   ━ 3.0 GiB"
        writer.close()


async def test_another_run_has_charts_of_its_own(home: Path) -> None:
    finished_run()
    finished_run("other", steps=9)
    async with StplayApp().run_test(size=(200, 60)) as pilot:
        grid = await open_run(pilot)
        assert legend(grid, "loss").startswith("loss   ━ train 1 ")
        grid = await open_run(pilot, "other")
        await eventually(pilot, lambda: "train 0.3333" in legend(grid, "loss"))


@pytest.mark.parametrize("key", ["plus", "minus", "left", "right"])
async def test_a_chart_is_moved_and_shown_whole_again(home: Path, key: str) -> None:
    finished_run(steps=20)
    async with StplayApp().run_test(size=(200, 60)) as pilot:
        grid = await open_run(pilot)
        plot = grid.query(Chart).first().plot
        plot.focus()
        whole = plot._x_min, plot._x_max
        await pilot.press(key)
        assert (plot._x_min, plot._x_max) != whole
        await pilot.press("0")
        await eventually(pilot, lambda: (plot._x_min, plot._x_max) == whole)


def cards_run(steps: int) -> Run:
    """A run of the card's recipe, evaluated at its start, a quarter, half and the end."""
    run = Run.create(recipe.load("all-nli"), "mine", "all-nli")
    writer = EventWriter(run.events_path)
    writer.write(WorkerStarted(time=0.0, host="gpu-box", pid=1, process_started=0.0))
    writer.write(
        RunStarted(
            recipe=run.recipe().to_dict(),
            base="",
            device="",
            precision="bf16",
            versions={},
            rows={},
            total_steps=steps,
            parameters=1,
        )
    )
    for quarter in (0, 1, 2, 4):
        accuracies = {f"{name}_accuracy": 0.85 for name in ("max", *SIMILARITIES)}
        step = quarter * steps // 4
        writer.write(
            Evaluated(
                step=step, epoch=0.0, split="dev", data="all-nli-dev", rows=1000, **accuracies
            )
        )
    writer.write(RunFinished(outcome="completed", exit_code=0))
    writer.close()
    return run


@pytest.mark.parametrize(
    ("steps", "differences"),
    [(6250, ["+0.309", "~+0.053", "~+0.013", "-"]), (1250, ["+0.309", "~+0.053", "~+0.013", "-"])],
)
async def test_the_card_lies_behind_a_run_of_its_recipe(
    home: Path, steps: int, differences: list[str]
) -> None:
    cards_run(steps)
    finished_run()
    async with StplayApp().run_test(size=(200, 60)) as pilot:
        grid = await open_run(pilot, "mine")
        table = pilot.app.screen.query_one(TrainingTable)
        assert [table.cells(row)[-1] for row in range(table.row_count)] == differences
        assert legend(grid, "dev accuracy").startswith("dev accuracy   ━ max 0.850")
        assert legend(grid, "dev accuracy").endswith("   ━ card")
        plot = grid.query(Chart)[1].plot
        behind = max(float(line.x.max()) for line in plot._datasets)
        assert behind == pytest.approx(steps)
        grid = await open_run(pilot, "done")
        assert "to card" not in dict(table.columns), "it is another recipe"
        assert "card" not in legend(grid, "loss")


async def test_charts_are_found_by_words_as_long_as_the_run_is_open(home: Path) -> None:
    finished_run(steps=5)
    finished_run("other", steps=5)
    async with StplayApp().run_test(size=(160, 50)) as pilot:
        grid = await open_run(pilot)
        everything = titles(grid)
        grid.take_focus()
        await pilot.press("slash", *"train/*rate")
        await eventually(pilot, lambda: titles(grid) == ["learning rate"])
        await pilot.press("enter")
        await eventually(pilot, lambda: grid._focused is not None)
        assert titles(grid) == ["learning rate"]
        grid.wanted.entry.focus()
        await pilot.press(*" -learning")
        await eventually(pilot, lambda: titles(grid) == [])
        assert grid.wanted.complaint == "No chart has these words; Esc shows all."
        await pilot.press("escape")
        await eventually(pilot, lambda: titles(grid) == everything)
        assert grid._focused is not None
        await pilot.press("slash", *"accuracy -loss")
        await eventually(pilot, lambda: titles(grid) == ["dev accuracy"])
        await pilot.press("enter", "i", "i")
        await eventually(pilot, lambda: titles(grid) == ["dev accuracy"])
        await open_run(pilot, "other")
        await eventually(pilot, lambda: titles(grid) == everything)
