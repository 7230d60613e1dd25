"""What the keys of the Train screen ask of the run that is shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from piloting import caught_up, eventually, settle, settle_dialog, text_of
from runsondisk import COMPLETED, STARTED, create, start_worker, write
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widgets import Input

from stplay.jobs.events import ControlAnswered, RunStarted, StageProgressed
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.recipeform import RecipeForm
from stplay.screens.train.runview import RunView
from stplay.screens.train.stopquestion import StopQuestion
from stplay.screens.train.trainscreen import TrainScreen

WITH_DEV = RunStarted(
    **{
        name: getattr(STARTED, name)
        for name in STARTED.__struct_fields__
        if name not in ("rows", "time")
    },
    rows={"train": 100, "dev": 20},
)


@contextmanager
def at_work(started: RunStarted = WITH_DEV) -> Iterator[Run]:
    """A run whose process takes steps, and hears nothing but a stop."""
    run = create("mine")
    process = start_worker(run)
    write(run, started, StageProgressed(stage="training", done=5, total=400, unit="steps"))
    try:
        yield run
    finally:
        process.kill()
        process.wait()


async def shown(pilot: Pilot[None]) -> RunView:
    """The view of the run that is at work, all of whose events are shown."""
    await settle(pilot)
    await eventually(pilot, lambda: any(map(caught_up, pilot.app.screen.query(RunView))))
    return pilot.app.screen.query_one(RunView)


async def test_a_checkpoint_and_an_evaluation_are_a_key_away_and_shown_until_they_come(
    home: Path,
) -> None:
    with at_work() as run:
        async with StplayApp().run_test(size=(120, 40)) as pilot:
            await shown(pilot)
            await pilot.press("c", "v", "c")
            words = "Asked for a checkpoint now and an evaluation now"
            await eventually(pilot, lambda: text_of(pilot, "#stage") == words)
            assert [*run.read_log().asked] == ["checkpoint", "evaluation"]
            write(run, ControlAnswered(control="checkpoint", step=5))
            await eventually(
                pilot, lambda: text_of(pilot, "#stage") == "Asked for an evaluation now"
            )
            no = "What was asked for came too late: all steps were taken."
            write(run, ControlAnswered(control="evaluation", step=5, refusal=no))
            await eventually(pilot, lambda: no in text_of(pilot, "#notes"))
            assert text_of(pilot, "#stage") == ""


async def test_only_what_can_be_done_is_offered(home: Path) -> None:
    with at_work(STARTED):
        async with StplayApp().run_test(size=(120, 40)) as pilot:
            await shown(pilot)
            screen = pilot.app.screen
            assert isinstance(screen, TrainScreen)
            assert screen.check_action("ask", ("checkpoint",))
            assert not screen.check_action("ask", ("evaluation",)), "it has no dev data"
            assert not screen.check_action("extend", ())


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (["enter"], []),
        (["escape"], []),
        (["tab", "enter"], ["stop"]),
        (["tab", "tab", "enter"], ["stop after epoch"]),
    ],
)
async def test_a_stop_is_for_now_or_for_the_end_of_the_epoch(
    home: Path, keys: list[str], asked: list[str]
) -> None:
    with at_work() as run:
        async with StplayApp().run_test(size=(80, 24)) as pilot:
            view = await shown(pilot)
            await pilot.press("s")
            await settle_dialog(pilot)
            assert isinstance(pilot.app.screen, StopQuestion)
            await pilot.press(*keys)
            await eventually(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
            if asked == ["stop"]:
                await eventually(pilot, lambda: view.job_log.status == "stopped")
            else:
                await settle(pilot)
                assert [*run.read_log().asked] == asked
                assert run.read_log().active


async def test_a_runs_recipe_is_what_the_form_starts_from(home: Path) -> None:
    run = finished_run()
    recipe = run.recipe_path.read_text(encoding="utf-8")
    run.recipe_path.write_text(recipe.replace("learning_rate", "learning_rate = 0.007 #"))
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await shown(pilot)
        await pilot.press("a")
        await settle(pilot)
        form = pilot.app.screen.query_one(RecipeForm)
        assert pilot.app.screen.query_one("#file", Input).value == "run:done"
        assert pilot.app.screen.query_one("#training-learning_rate", Input).value == "0.007"
        assert form.file.display
        assert not form.start.disabled
        assert pilot.app.focused is form.start


@pytest.mark.torch
async def test_a_finished_run_is_trained_on_by_a_number_that_is_checked(home: Path) -> None:
    run = write(create("mine"), WITH_DEV, COMPLETED)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await shown(pilot)
        await pilot.press("r")
        await settle_dialog(pilot)
        await pilot.press("2", "enter")
        complaint = "training.num_train_epochs is 3 already"
        await eventually(pilot, lambda: complaint in text_of(pilot, ".complaint"))
        await pilot.press("backspace", "4", "enter")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, TrainScreen))
        await eventually(pilot, lambda: pilot.app.screen.query_one(RunView).job_log.active)
        assert run.request_stop()
        await eventually(pilot, lambda: not pilot.app.screen.query_one(RunView).job_log.active)
    assert run.read_log().status == "completed", "it did not go on, and is what it was"
    assert run.recipe().training.num_train_epochs == 3
