"""Ways to drive the app by Textual's pilot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

from textual.pilot import Pilot
from textual.widgets import Button, Input, Static
from textual.worker import WorkerCancelled

from stplay.evaluations.evaluation import Evaluation
from stplay.screens.evaluate.evaluatescreen import EvaluateScreen
from stplay.screens.explore.playground import Playground
from stplay.screens.train.runlist import RunList
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainscreen import TrainScreen

PATIENCE = 240.0  # seconds, less than a test may take: a busy machine fails nothing


def text_of(pilot: Pilot[None], selector: str) -> str:
    """What a static line of the screen shows; nothing where it is not there."""
    for line in pilot.app.screen.query(selector).results(Static):
        if line.display:
            return str(line.render()).replace("\xa0", " ")
    return ""


async def settle(pilot: Pilot[None]) -> None:
    """Wait until nothing is under way; work that newer work replaced may be cancelled."""
    await pilot.pause()
    while isinstance(pilot.app.screen, TrainScreen) and not pilot.app.screen.room.children:
        await asyncio.sleep(0.01)
    await pilot.pause()
    while under_way := [worker for worker in pilot.app.workers if not worker.is_finished]:
        with suppress(WorkerCancelled):
            await under_way[0].wait()
    await pilot.pause()


def caught_up(view: RunView) -> bool:
    """Whether ``view`` shows all that its run has told so far."""
    return view.shows_all


def start_button(pilot: Pilot[None]) -> Button:
    """The one button."""
    return pilot.app.screen.query_one("#start", Button)


async def fill(pilot: Pilot[None], selector: str, value: str) -> None:
    """Type ``value`` into a field in place of what is there."""
    await settle(pilot)
    field = pilot.app.screen.query_one(selector, Input)
    field.focus()
    field.clear()
    field.insert_text_at_cursor(value)
    await settle(pilot)


async def playground_of(pilot: Pilot[None], seconds: float = PATIENCE) -> Playground:
    """The playground of the Explore screen, once a model answers."""
    deadline = time.monotonic() + seconds
    while True:
        await pilot.pause()
        for playground in pilot.app.screen.query(Playground):
            answering = bool(playground.children) and playground.models.open_ones
            if answering and (playground.grids or not playground.editor.sentences):
                return playground
        assert time.monotonic() < deadline, "no model answers"
        await asyncio.sleep(0.02)


async def until(fulfilled: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Wait until something is so; the pilot itself would wait for widgets that end meanwhile."""
    deadline = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < deadline, "it did not come to be"
        await asyncio.sleep(0.01)


async def eventually(
    pilot: Pilot[None], fulfilled: Callable[[], bool], seconds: float = PATIENCE
) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not fulfilled():
        assert time.monotonic() < deadline, "it did not come to be"
        await pilot.pause()
        await asyncio.sleep(0.01)
    await pilot.pause()


async def settle_dialog(pilot: Pilot[None]) -> None:
    """Wait for a dialog, or the list of runs, that takes keys."""

    def takes_keys() -> bool:
        screen = pilot.app.screen
        lists = any(each.display and each.shows_all for each in screen.query(RunList))
        return (screen.is_modal or lists) and screen.focused is not None

    await eventually(pilot, takes_keys)


async def open_screen(pilot: Pilot[None]) -> EvaluateScreen:
    """The Evaluate screen, with its form."""
    await settle(pilot)
    await pilot.press("2")
    await settle(pilot)
    assert isinstance(pilot.app.screen, EvaluateScreen)
    return pilot.app.screen


async def open_result(pilot: Pilot[None], *names: str) -> EvaluateScreen:
    """The Evaluate screen with the finished evaluations called ``names`` side by side."""
    screen = await open_screen(pilot)
    screen.show_results([Evaluation.find(name) for name in names])
    await settle(pilot)
    return screen
