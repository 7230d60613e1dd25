"""The form before a run: where it starts from, all its fields, what it will cost, its file."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
from piloting import eventually, fill, settle, settle_dialog, start_button, text_of
from sampleplan import choice, plan_of
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Select

from stplay.jobs.events import StageProgressed
from stplay.runs import plans, recipe
from stplay.runs.plans import Plan
from stplay.runs.recipe import Recipe
from stplay.screens.app import StplayApp
from stplay.screens.train.allfields import AllFields
from stplay.screens.train.recipeform import RecipeForm
from stplay.screens.train.startingpoints import RecipePaths

EPOCHS = "#training-num_train_epochs"


@pytest.fixture(autouse=True)
def _earlier_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    finished_run("sample-1")


def form_of(pilot: Pilot[None]) -> RecipeForm:
    return pilot.app.screen.query_one(RecipeForm)


def value_of(pilot: Pilot[None], name: str) -> object:
    section, _, field = name.partition(".")
    return form_of(pilot).values[section][field]


def line_of(pilot: Pilot[None], title: str) -> str:
    """The line of a field in the list of all."""
    lines = pilot.app.screen.query_one(AllFields).lines
    return next(str(each.prompt) for each in lines.options if f" {title} " in str(each.prompt))


async def test_it_starts_from_an_earlier_run_and_tells_what_it_replaces(home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        source = pilot.app.screen.query_one("#source", Select)
        offered = {value: str(words) for words, value in source._options}
        assert [*offered] == ["sample", "all-nli", "run:sample-1", "recipe file"]
        assert offered["run:sample-1"] == "run:sample-1  dev 0.810"
        assert source.value == "sample"
        await fill(pilot, EPOCHS, "2")
        assert text_of(pilot, f"{EPOCHS}-note") == "* instead of 1.0 (^r resets)"
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert pilot.app.screen.query_one(EPOCHS, Input).value == "1.0"
        assert not text_of(pilot, f"{EPOCHS}-note")
        await fill(pilot, EPOCHS, "2")
        source.value = "run:sample-1"
        await eventually(pilot, lambda: form_of(pilot).source == "run:sample-1")
        await settle(pilot)
        assert value_of(pilot, "training.num_train_epochs") == 1.0
        (told,) = [each.message for each in pilot.app._notifications]
        assert told == "What you had changed is replaced: Epochs. u brings it back."
        await pilot.press("escape", "u")
        await settle(pilot)
        assert pilot.app.screen.query_one(EPOCHS, Input).value == "2"
        await pilot.click(f"{EPOCHS}-note")
        await settle(pilot)
        assert value_of(pilot, "training.num_train_epochs") == 1.0
        assert form_of(pilot).stem == "sample"


async def test_every_field_is_found_changed_marked_and_reset(home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("m", "slash", *"warmup", "enter")
        await settle(pilot)
        lines = pilot.app.screen.query_one(OptionList)
        assert [each.id for each in lines.options] == [None, "training.warmup_ratio"]
        assert "Share of the steps" in text_of(pilot, "#field-help")
        assert "at least 0 and below 1" in text_of(pilot, "#field-help")
        assert "0.0 where nothing is said, 0.1 in sample" in text_of(pilot, "#field-help")
        await pilot.press("enter")
        await fill(pilot, "#field-value", "2")
        assert "at least 0 and below 1" in text_of(pilot, "#field-value-complaint")
        assert line_of(pilot, "warmup_ratio").startswith("✗ warmup_ratio")
        assert start_button(pilot).disabled
        await fill(pilot, "#field-value", "0.2")
        words = " ".join(line_of(pilot, "warmup_ratio").split())
        assert words == "* warmup_ratio 0.2 instead of 0.1"
        assert not start_button(pilot).disabled
        assert text_of(pilot, "#more") == "m  All 44 fields, 1 of the others changed *"
        await pilot.press("ctrl+r")
        await settle(pilot)
        assert pilot.app.screen.query_one("#field-value", Input).value == "0.1"
        assert value_of(pilot, "training.warmup_ratio") == 0.1
        await pilot.press("escape", "escape")
        await settle(pilot)
        assert len([each for each in lines.options if each.id]) == 44
        lines.highlighted = lines.get_option_index("training.num_train_epochs")
        await pilot.press("enter")
        await fill(pilot, "#field-value", "3")
        assert pilot.app.screen.query_one(EPOCHS, Input).value == "3"
        await pilot.press("enter")
        lines.highlighted = lines.get_option_index("data.test")
        await pilot.press("enter")
        await fill(pilot, "#field-value", "./nowhere.csv")
        assert "There is no data file" in text_of(pilot, "#field-value-complaint")
        assert "There is no data file" in line_of(pilot, "test")
        await pilot.press("ctrl+r", "enter", "escape")
        await settle(pilot)
        assert pilot.app.focused is start_button(pilot)
        await pilot.click("#more")
        await settle(pilot)
        await pilot.resize_terminal(80, 24)
        await eventually(pilot, lambda: not form_of(pilot).display)
        await pilot.press("m")
        await eventually(pilot, lambda: form_of(pilot).display)
        below = form_of(pilot).below.region
        assert below.bottom <= 23
        assert start_button(pilot).region.bottom <= 23


def measuring(found: Plan) -> tuple[asyncio.Event, Callable[..., object], list[str]]:
    """A stand-in for the measuring, which ends once it is let, and what became of it."""
    let, heard = asyncio.Event(), []

    async def make(chosen: Recipe, tell: Callable[[StageProgressed], None]) -> Plan:
        heard.append("begun")
        tell(StageProgressed(stage="loading the [b]model[/b]"))
        try:
            await let.wait()
        except asyncio.CancelledError:
            heard.append("ended")
            raise
        return found

    return let, make, heard


async def test_what_it_will_cost_is_told_before_it_starts(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_of(choice(64, 0.5, 130 << 20))
    plan.parameters = 3_000_000
    let, make, heard = measuring(plan)
    monkeypatch.setattr(plans, "make_async", make)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        cost = text_of(pilot, "#cost")
        assert "200 steps of 32 triplets" in cost
        assert "about 14 s\n        measured here: sample-1, CPU, 2 threads" in cost
        await fill(pilot, EPOCHS, "2")
        assert "400 steps of 32 triplets" in text_of(pilot, "#cost")
        batch = "#training-per_device_train_batch_size"
        await fill(pilot, batch, "64")
        assert "Time    not measured yet" in text_of(pilot, "#cost")
        assert "t measures time and memory here" in text_of(pilot, "#cost")
        await pilot.press("escape", "t")
        await eventually(pilot, lambda: "loading the [b]model[/b]" in text_of(pilot, "#cost"))
        pilot.app.screen.query_one(batch, Input).value = "63"  # another question: this one is left
        await eventually(pilot, lambda: heard == ["begun", "ended"])
        await settle(pilot)
        assert "loading" not in text_of(pilot, "#cost")
        await pilot.click("#measure")
        await eventually(pilot, lambda: "loading the [b]model[/b]" in text_of(pilot, "#cost"))
        let.set()
        await eventually(pilot, lambda: "0.500 s a step" in text_of(pilot, "#cost"))
        assert "about 130.0 MiB, 3.0 GiB free" in text_of(pilot, "#cost")
        await fill(pilot, "#loss-mini_batch_size", "0")
        assert text_of(pilot, "#cost") == "what it costs is told once nothing is wrong"


async def test_the_form_is_saved_as_a_recipe_file(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    async with StplayApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        for epochs in ("2", "3"):
            await fill(pilot, EPOCHS, epochs)
            await pilot.press("ctrl+s")
            await settle_dialog(pilot)
            entry = pilot.app.screen.query_one(Input)
            assert entry.value == "sample.toml"
            entry.value = str(path.with_suffix(""))
            await pilot.press("enter")
            if epochs == "3":
                await eventually(pilot, lambda: bool(pilot.app.screen.query("#yes")))
                assert recipe.load(path).training.num_train_epochs == 2
                await pilot.click("#yes")
            expected = float(epochs)
            await eventually(
                pilot,
                lambda expected=expected: (
                    path.exists() and recipe.load(path).training.num_train_epochs == expected
                ),
            )
    (tmp_path / "other.txt").touch()
    (tmp_path / "more").mkdir()
    paths = RecipePaths()
    for typed, found in (
        ("/m", "/mine.toml"),
        ("/mo", "/more/"),
        ("/o", None),
        ("/", "/mine.toml"),
    ):
        whole = None if found is None else f"{tmp_path}{found}"
        assert await paths.get_suggestion(f"{tmp_path}{typed}") == whole
