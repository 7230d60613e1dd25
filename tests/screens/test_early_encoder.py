"""The encoder that starts with the app, with real processes."""

from __future__ import annotations

from pathlib import Path

from stplay import encoders, recipe, runs
from stplay.screens.earlyencoder import EarlyEncoder


async def test_it_ends_with_the_app_though_it_is_loaded(home: Path) -> None:
    early = EarlyEncoder()
    await early.start()
    assert list(encoders.socket_folder().glob("*.sock"))
    await early.end()
    assert await encoders.warm() == []


async def test_it_leaves_the_machine_to_a_training(home: Path) -> None:
    runs.create(recipe.load("sample"), "mine", "sample").events_path.touch()
    assert runs.running() is not None, "it is starting"
    early = EarlyEncoder()
    await early.start()
    assert await encoders.warm() == []
    await early.end()
