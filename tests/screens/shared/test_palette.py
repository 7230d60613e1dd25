"""The command palette takes one choice, however fast the keys come."""

from __future__ import annotations

import pytest
from piloting import eventually, settle
from textual.command import CommandList, CommandPalette

from stplay.screens.app import StplayApp
from stplay.screens.shared.dialog import Question
from stplay.screens.shared.palette import Palette


@pytest.mark.parametrize("key", ["pagedown", "pageup", "up", "down", "home", "end"])
@pytest.mark.usefixtures("home")
async def test_keys_before_the_list_is_painted_are_nothing(key: str) -> None:
    app = StplayApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await app.push_screen(palette := Palette())
        commands = palette.query_one(CommandList)
        commands.clear_options()
        commands.display = False
        await eventually(pilot, lambda: not commands.scrollable_content_region)
        commands.add_option("one that is there, and has no line yet")
        palette._action_command_list(f"page_{key[4:]}" if "page" in key else f"cursor_{key}")
        assert app.screen is palette


@pytest.mark.usefixtures("home")
async def test_only_the_first_choice_counts() -> None:
    app = StplayApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await eventually(pilot, lambda: bool(app.screen.query_one(CommandList).option_count))
        for key in ("down", "enter", "enter", "enter"):
            app.simulate_key(key)
        await eventually(pilot, lambda: not isinstance(app.screen, Palette))


@pytest.mark.usefixtures("home")
async def test_there_is_one_palette_also_under_a_question() -> None:
    app = StplayApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("ctrl+p")
        await eventually(pilot, lambda: isinstance(app.screen, Palette))
        await app.push_screen(Question("Stop it?", "Yes", "No"))
        app.action_command_palette()
        assert sum(isinstance(screen, CommandPalette) for screen in app.screen_stack) == 1
        under = app.screen_stack[-2]
        assert isinstance(under, Palette)
        await under.dismiss()
        assert isinstance(app.screen, Question)
