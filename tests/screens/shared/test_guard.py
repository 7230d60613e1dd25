"""What the guard of the app does with an error, wherever it arises."""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path
from typing import Any

import pytest
from piloting import settle, until
from textual.pilot import Pilot
from textual.widgets import Input

from stplay import home as homes
from stplay.errors import UserError
from stplay.screens.app import StplayApp
from stplay.screens.evaluate.evaluatescreen import EvaluateScreen
from stplay.screens.shared import breakage
from stplay.screens.shared.brokenscreen import BreakageDialog, BrokenScreen
from stplay.screens.train.newrun import NewRun
from stplay.screens.train.trainscreen import TrainScreen

pytestmark = [pytest.mark.breaks_a_view, pytest.mark.usefixtures("home")]


def fail(*_: object) -> Any:
    raise ArithmeticError("on purpose")


async def told(pilot: Pilot[None]) -> BreakageDialog:
    """The dialog, once it is there."""
    await until(lambda: isinstance(pilot.app.screen, BreakageDialog))
    await until(lambda: bool(pilot.app.screen.query("#no")))
    screen = pilot.app.screen
    assert isinstance(screen, BreakageDialog)
    return screen


def log() -> str:
    return homes.app_log().read_text(encoding="utf-8")


async def test_a_mistake_of_the_users_is_told_in_its_own_sentence_and_breaks_nothing() -> None:
    async def work() -> None:
        raise UserError("There is no such [b]run[/b].")

    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        screen.run_worker(work())
        await until(lambda: bool(pilot.app._notifications))
        (note,) = pilot.app._notifications
        assert (note.message, note.severity) == ("There is no such [b]run[/b].", "error")
        assert pilot.app.screen is screen
    assert not homes.app_log().exists()


@pytest.mark.parametrize("leaves", [True, False])
async def test_an_answer_that_comes_late_for_a_view_that_leaves_breaks_nothing(
    leaves: bool,
) -> None:
    async def answer() -> None:
        view = pilot.app.screen.query_one(NewRun)
        leaving = view.remove() if leaves else None
        try:
            view.query_one("#what-is-gone-by-now")
        finally:
            if leaving:
                await leaving

    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        worker = pilot.app.screen.run_worker(answer())
        if leaves:
            await until(lambda: worker.is_finished and not pilot.app.screen.query(NewRun))
            assert isinstance(pilot.app.screen, TrainScreen)
        else:
            await told(pilot)
    assert homes.app_log().exists() is not leaves


async def test_an_error_of_no_view_is_told_and_breaks_none() -> None:
    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        pilot.app.call_later(fail)
        dialog = await told(pilot)
        assert dialog.breakage.sentence == "The app broke: ArithmeticError: on purpose."
        assert not dialog.query("#yes")
        await pilot.press("r")  # there is nothing to open again
        await pilot.press("enter")
        await until(lambda: pilot.app.screen is screen)


async def test_a_task_that_nobody_waits_for_is_told_too() -> None:
    async def work() -> None:
        fail()

    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        task = asyncio.create_task(work())
        await until(task.done)
        del task
        gc.collect()
        assert "on purpose" in (await told(pilot)).breakage.sentence


async def test_a_screen_that_breaks_behind_another_one_is_marked_there() -> None:
    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        train = pilot.app.screen
        await pilot.press("2")
        await settle(pilot)
        train.call_later(fail)
        dialog = await told(pilot)
        assert dialog.breakage.sentence.startswith("The Train screen broke: ")
        await pilot.press("escape")
        await until(lambda: isinstance(pilot.app.screen, EvaluateScreen))
        await pilot.press("1")
        await until(lambda: isinstance(pilot.app.screen, BrokenScreen))
        await pilot.press("r")
        await until(lambda: isinstance(pilot.app.screen, TrainScreen))


async def test_whoever_goes_to_a_broken_screen_finds_it_whole() -> None:
    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        await pilot.press("2")
        await settle(pilot)
        pilot.app.screen.call_later(fail)
        await told(pilot)
        await pilot.press("escape", "1")
        assert isinstance(pilot.app, StplayApp)
        await pilot.app.evaluate("builtin:tiny")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, EvaluateScreen)
        assert screen.query_one("#model", Input).is_attached


async def test_the_command_palette_may_break() -> None:
    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        await pilot.press("ctrl+p")
        pilot.app.screen.call_later(fail)
        await told(pilot)
        await pilot.press("escape")
        await until(lambda: pilot.app.screen is screen)


async def test_an_error_of_the_dialog_itself_ends_the_app_as_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BreakageDialog, "compose", fail)
    app = StplayApp()

    async def break_it() -> None:
        async with app.run_test() as pilot:
            await settle(pilot)
            pilot.app.screen.call_later(fail)
            await until(lambda: not app.is_running)

    with pytest.raises(ArithmeticError, match="on purpose"):
        await break_it()
    assert app.return_code == 1
    assert log().count("ArithmeticError: on purpose.\n") == 20


async def test_a_log_that_cannot_be_written_is_told_as_that(home: Path) -> None:
    homes.app_log().mkdir(parents=True)
    async with StplayApp().run_test() as pilot:
        await settle(pilot)
        pilot.app.screen.call_later(fail)
        story = (await told(pilot)).breakage.story
        assert story == f"Its story cannot be written to {homes.app_log()}: Is a directory."
    homes.app_log().rmdir()


def test_the_log_is_bounded_and_holds_nothing_that_steers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(breakage, "MOST_BYTES", 1000)
    for number in range(20):
        error = ValueError(f"\x1b]52;c;{number}\x07\u202e\udc80" + "x" * (1 << 20))
        assert len(breakage.tell(error, "The map").sentence) < 250
    assert not set(log()) & set("\x1b\x07\u202e")
    older = homes.app_log().with_name("app.log.1")
    assert homes.app_log().stat().st_size + older.stat().st_size < 4 * breakage.MOST_CHARACTERS
