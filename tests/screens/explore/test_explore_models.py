"""The models of the Explore screen, with real encoding processes."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from exploring import arrangement_of, exploring, shown, type_line
from livingprocesses import living
from piloting import eventually, settle_dialog, text_of
from samplerun import finished_run
from textual.widgets import Input, OptionList
from widemodel import make_wide_model

from stplay.encoding import encoders
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import CheckpointSaved
from stplay.runs.modelsathand import OfferedModel
from stplay.screens.app import StplayApp
from stplay.screens.explore.modelchoice import ModelChoice
from stplay.screens.shared.matrix import Matrix
from stplay.sources import minilm

pytestmark = pytest.mark.usefixtures("warm_home")


async def test_a_model_that_does_not_load_leaves_the_old_one() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "m")
        await settle_dialog(pilot)
        await pilot.press(*"./nowhere", "enter")
        await eventually(pilot, lambda: "no model folder ./nowhere" in text_of(pilot, "#complaint"))
        await pilot.press("escape")
        playground.models.open("nobody/nothing")  # there is no network
        await eventually(pilot, lambda: "✗" in text_of(pilot, "#notice"), seconds=90)
        assert text_of(pilot, "#notice").count("\n") == 0
        assert playground.models.slots[0].name == "builtin:minilm"
        await type_line(pilot, playground, "still here")
        await eventually(pilot, lambda: len(playground.sentences) == 4)


async def test_a_killed_encoder_is_started_again_while_typing() -> None:
    async with exploring() as (pilot, playground):
        (greeting,) = [one for one in await encoders.warm() if one.model == "builtin:minilm"]
        psutil.Process(greeting.pid).kill()
        await type_line(pilot, playground, "Nobody notices.")
        await eventually(pilot, lambda: len(playground.sentences) == 4, seconds=60)
        assert not text_of(pilot, "#notice")


async def test_an_encoder_that_dies_again_is_told_in_one_sentence(home: Path) -> None:
    async def kill_all() -> None:
        while True:
            for process in living("stplay.engine.encode", str(home)):
                process.kill()
            await asyncio.sleep(0.05)

    async with exploring() as (pilot, playground):
        killing = asyncio.create_task(kill_all())
        await type_line(pilot, playground, "Everybody notices.")
        await eventually(pilot, lambda: "✗" in text_of(pilot, "#notice"), seconds=60)
        killing.cancel()
        assert "encoder of builtin:minilm" in text_of(pilot, "#notice")
        assert len(playground.sentences) == 3  # what was known stays in view
        await type_line(pilot, playground, "And it comes back.")
        await eventually(pilot, lambda: len(playground.sentences) == 5, seconds=60)
        await eventually(pilot, lambda: not text_of(pilot, "#notice"))
    await encoders.stop_all()


async def test_two_models_of_different_width_and_their_difference(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = make_wide_model(tmp_path_factory.mktemp("models") / "wide")
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "a")
        await settle_dialog(pilot)
        await pilot.press(*str(folder), "enter")
        await eventually(pilot, lambda: len(playground.grids) == 3, seconds=60)
        first, second, change = (grid.values for grid in playground.grids)
        np.testing.assert_allclose(change, second - first, atol=1e-6)
        assert [answer.embeddings.shape[1] for answer in arrangement_of(playground).answers] == [
            384,
            768,
        ]
        assert any("+0.000" in line for line in shown(playground, 2))
        assert "difference" in text_of(pilot, "#pair")
        await pilot.press("right")
        assert [matrix.cursor for matrix in playground.query(Matrix)] == [playground.pair] * 3
        playground.query(Matrix).last().focus()
        await pilot.press("a")
        await eventually(pilot, lambda: len(playground.grids) == 1)
        assert pilot.app.focused is playground.query(Matrix).first(), "the other one is gone"


@pytest.fixture
def kept_run(warm_home: Path) -> Iterator[str]:
    """A finished run with two kept checkpoints, gone afterwards: it would be the best at hand."""
    run = finished_run("slider", steps=3)
    (run.folder / "checkpoints").mkdir()
    writer = EventWriter(run.events_path)
    for step in (100, 200):
        path = f"checkpoints/step-{step}"
        (run.folder / path).symlink_to(minilm.checked_folder())
        writer.write(CheckpointSaved(time=20.0, step=step, path=path, kept=1, disk_bytes=1))
    writer.close()
    (run.folder / "model").symlink_to(minilm.checked_folder())
    yield run.id
    shutil.rmtree(run.folder)


@pytest.mark.usefixtures("kept_run")
async def test_the_same_sentences_at_each_kept_step() -> None:
    async with exploring() as (pilot, playground):
        assert not playground.models.slider.display
        playground.models.open("run:slider@200")
        await eventually(
            pilot, lambda: playground.models.slots[0].name == "run:slider@200", seconds=60
        )
        assert "step 200" in str(playground.models.slider.render())
        await pilot.press("escape", "comma")
        await eventually(
            pilot, lambda: playground.models.slots[0].name == "run:slider@100", seconds=60
        )
        await eventually(pilot, lambda: bool(playground.grids))
        assert "step 100" in str(playground.models.slider.render())
        await pilot.press("comma")  # there is no earlier one
        await pilot.press("full_stop")
        await eventually(pilot, lambda: playground.models.slots[0].name == "run:slider@200")


async def test_models_are_offered_and_narrowed() -> None:
    async with exploring() as (pilot, _):
        await pilot.press("escape", "m")
        await settle_dialog(pilot)
        options = pilot.app.screen.query_one(OptionList)
        assert options.option_count >= 4
        await pilot.press(*"tiny")
        await eventually(pilot, lambda: options.option_count == 1)
        await pilot.press("escape")


async def test_a_typed_name_that_is_part_of_a_listed_one_can_be_chosen() -> None:
    """Once ``org/model`` took ``org/model-large``."""
    offered = [
        OfferedModel(name, "") for name in ("org/model-large", "org/model-x", "builtin:tiny")
    ]
    app = StplayApp("explore")
    async with app.run_test() as pilot:
        for typed, names in (
            ("org/model", ["org/model", "org/model-large", "org/model-x"]),
            ("org/model@main", ["org/model@main"]),
            ("org/model-x", ["org/model-x"]),
            ("tiny", ["builtin:tiny"]),
            ("run:none", []),
        ):
            chosen: list[str | None] = []
            app.push_screen(ModelChoice("Which?", offered), chosen.append)
            await settle_dialog(pilot)
            pilot.app.screen.query_one(Input).value = typed
            options = pilot.app.screen.query_one(OptionList)
            await eventually(pilot, lambda n=names, o=options: [one.id for one in o.options] == n)
            await pilot.press("enter")
            if names:
                await eventually(pilot, lambda c=chosen, n=names: c == n[:1])
            else:
                await eventually(pilot, lambda: bool(text_of(pilot, "#complaint")))
