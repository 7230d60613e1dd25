"""The app's themes: ours, dark and light, and Textual's; the one that was chosen is kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from piloting import eventually, settle
from samplerun import finished_run
from textual.content import Content
from textual.pilot import Pilot
from textual_plot.plot_widget import LinePlot

from stplay import settings
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.shared.theme import DARK, LIGHT, ON_DARK, ON_LIGHT
from stplay.screens.train.chart import Chart
from stplay.screens.train.trainscreen import TrainScreen


def kept(home: Path) -> Path:
    return home / "config" / "settings.toml"


def toasts(pilot: Pilot[None]) -> list[str]:
    return [notification.message for notification in pilot.app._notifications]


async def test_without_settings_it_is_ours_and_dark(home: Path) -> None:
    async with StplayApp().run_test() as pilot:
        assert pilot.app.theme == DARK.name
    assert not kept(home).exists(), "nobody has chosen"


async def test_a_theme_that_is_chosen_is_kept_and_all_else_stays(home: Path) -> None:
    kept(home).parent.mkdir()
    kept(home).write_text("# mine\nnotify = false\n", encoding="utf-8")
    for name in (LIGHT.name, "nord"):
        async with StplayApp().run_test() as pilot:
            pilot.app.theme = name
            await eventually(pilot, lambda name=name: settings.read().theme == name)
        assert StplayApp().theme == name
    told = kept(home).read_text(encoding="utf-8")
    assert told == 'theme = "nord"\n# mine\nnotify = false\n'


@pytest.mark.parametrize(
    ("content", "words"),
    [("theme = 3", "cannot be used"), ('theme = "\\u001b[2Jno"', "There is no theme")],
)
async def test_settings_that_cannot_be_used_are_told(home: Path, content: str, words: str) -> None:
    kept(home).parent.mkdir()
    kept(home).write_text(content, encoding="utf-8")
    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        assert pilot.app.theme == DARK.name
        (told,) = toasts(pilot)
        assert words in told
        assert "\x1b" not in told


async def test_a_theme_that_cannot_be_kept_is_told(home: Path) -> None:
    kept(home).parent.write_text("no folder", encoding="utf-8")
    async with StplayApp().run_test() as pilot:
        pilot.app.theme = LIGHT.name
        await eventually(pilot, lambda: len(toasts(pilot)) == 1)
        assert "The theme is not kept" in toasts(pilot)[0]


@pytest.mark.usefixtures("without_form")
async def test_charts_are_drawn_in_the_colours_of_the_theme(home: Path) -> None:
    finished_run()
    async with StplayApp().run_test(size=(160, 50)) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(Run.find("done"))
        await settle(pilot)
        chart = screen.query(Chart).first()

        def colours() -> set[str]:
            lines = (data for data in chart.plot._datasets if isinstance(data, LinePlot))
            return {str(line.line_style) for line in lines}

        await eventually(pilot, lambda: colours() == {*ON_DARK.curves[:2]})
        pilot.app.theme = LIGHT.name
        await eventually(pilot, lambda: colours() == {*ON_LIGHT.curves[:2]})
        legend = chart.legend.content
        assert isinstance(legend, Content)
        assert ON_LIGHT.curves[0] in [span.style for span in legend.spans]


@pytest.mark.parametrize("keys", [[], ["p"], ["k"], ["i"], ["o"], ["n"]])
@pytest.mark.usefixtures("without_form")
async def test_no_cell_has_the_terminals_own_background(home: Path, keys: list[str]) -> None:
    finished_run()
    app = StplayApp()
    app.theme = LIGHT.name
    async with app.run_test(size=(140, 50)) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(Run.find("done"))
        await settle(pilot)
        await pilot.press(*keys)
        await settle(pilot)
        bare = [
            (row, segment.text)
            for row, strip in enumerate(screen._compositor.render_strips())
            for segment in strip
            if segment.text and (segment.style is None or segment.style.bgcolor is None)
        ]
        assert not bare
