"""Makes the README's pictures, dark and light, of the real app: ``make pictures``.

A sample run is trained and evaluated for them in a home of their own, which takes minutes.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

from piloting import settle, settle_dialog
from textual.pilot import Pilot
from textual.widgets import Input, TextArea

from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.shared.theme import THEMES
from stplay.screens.train.trainscreen import TrainScreen

FOLDER = Path(__file__).parents[1] / "assets" / "screenshots"
SIZE = (130, 40)
RUN = "sample-1"
SENTENCES = ["A man is eating food.", "Someone has a meal.", "A cheetah chases its prey."]
LOOK_SECONDS = 0.2

Take = Callable[[Pilot[None]], Awaitable[None]]


async def new_run(pilot: Pilot[None]) -> None:
    """The form before a run."""


async def run(pilot: Pilot[None]) -> None:
    """The finished run with its charts."""
    assert isinstance(pilot.app.screen, TrainScreen)
    await pilot.app.screen.show_run(Run.find(RUN))


async def evaluate(pilot: Pilot[None]) -> None:
    """The newest evaluation."""
    await pilot.press("2")
    await settle(pilot)
    await pilot.press("escape", "o")
    await settle_dialog(pilot)
    await pilot.press("enter")


async def explore(pilot: Pilot[None]) -> None:
    """Sentences and their matrix."""
    assert isinstance(pilot.app, StplayApp)
    await pilot.app.explore(SENTENCES, "builtin:minilm")


PICTURES: dict[str, Take] = {
    "new-run": new_run,
    "run": run,
    "evaluate": evaluate,
    "explore": explore,
}


async def still(pilot: Pilot[None]) -> str:
    """The picture of the app once it changes no more."""
    before, alike = "", 0
    while alike < 10:
        for field in pilot.app.screen.query("*"):
            if isinstance(field, Input | TextArea):
                field.cursor_blink = False
        await pilot.pause(LOOK_SECONDS)
        seen = pilot.app.export_screenshot(simplify=True)
        before, alike = seen, alike + 1 if seen == before else 0
    return before


async def take_all() -> None:
    """Take each picture in each of our themes."""
    for theme in THEMES:
        suffix = "" if theme.dark else "-light"
        for name, take in PICTURES.items():
            app = StplayApp()
            app.theme = theme.name
            async with app.run_test(size=SIZE) as pilot:
                await settle(pilot)
                await take(pilot)
                picture = await still(pilot)
            (FOLDER / f"{name}{suffix}.svg").write_text(picture, encoding="utf-8")


def stplay(*arguments: str) -> None:
    """Run the real command."""
    subprocess.run([sys.executable, "-m", "stplay", *arguments], check=True)


def main() -> None:
    """Make what is shown, then show it."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"STPLAY_HOME": home, "HF_HUB_OFFLINE": "1"}
        stplay("train", "sample", "--name", RUN, "--set", "training.logging_steps=4")
        stplay("eval", f"run:{RUN}", "builtin:minilm", "--data", "builtin:sample")
        try:
            asyncio.run(take_all())
        finally:
            stplay("encoders", "--stop")


if __name__ == "__main__":
    main()
