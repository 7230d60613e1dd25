"""The Train screen, driven key by key."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from conftest import write_triplets
from piloting import (
    caught_up,
    eventually,
    fill,
    settle,
    settle_dialog,
    start_button,
    text_of,
)
from samplerun import finished_run
from textual.pilot import Pilot
from textual.widgets import Input, Select

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted, TrainLogged
from stplay.runs.run import Run
from stplay.screens.app import StplayApp
from stplay.screens.train.recipeform import RecipeForm
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainingtable import TrainingTable
from stplay.screens.train.trainscreen import TrainScreen


async def test_first_visit_offers_the_sample_with_the_focus_on_start(home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        assert pilot.app.focused is start_button(pilot)
        assert pilot.app.screen.query_one("#source", Select).value == "sample"
        assert "6,400 rows" in text_of(pilot, "#preview-title")
        assert "synthetic" in text_of(pilot, "#preview-title")
        assert "anchor" in text_of(pilot, "#preview-rows")
        assert "steps of 32 triplets" in text_of(pilot, "#cost")


MISTAKES = [
    ("#training-num_train_epochs", "two", "It must be a number above 0"),
    ("#training-num_train_epochs", "", "It must be a number above 0"),
    ("#training-per_device_train_batch_size", "0", "a whole number of at least 1"),
    ("#training-per_device_train_batch_size", "1.5", "a whole number of at least 1"),
    ("#training-learning_rate", "-1", "It must be a number above 0"),
    ("#data-train_rows", "many", "a whole number of at least 1"),
    ("#data-dev", "./nowhere.jsonl", "There is no data file or folder ./nowhere.jsonl"),
    ("#model-base", "./nowhere", "There is no model folder ./nowhere"),
    ("#model-base", "what is this", "names no model"),
]


async def test_mistakes_are_told_at_the_field_and_hold_the_start_back(home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for selector, value, complaint in MISTAKES:
            mistake = selector, value
            before = pilot.app.screen.query_one(selector, Input).value
            await fill(pilot, selector, value)
            assert complaint in text_of(pilot, f"{selector}-complaint"), mistake
            assert start_button(pilot).disabled, mistake
            await fill(pilot, selector, before)
            assert not text_of(pilot, f"{selector}-complaint"), mistake
            assert not start_button(pilot).disabled, mistake


async def test_unusable_data_is_told_at_its_field(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "anchors.csv"
    path.write_text("anchor,negative\na,b\n", encoding="utf-8")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await fill(pilot, "#data-train", str(path))
        assert "lacks the column positive" in text_of(pilot, "#data-train-complaint")
        assert "lacks the column positive" in text_of(pilot, "#preview-rows")
        assert start_button(pilot).disabled


async def test_pairs_and_several_negatives_are_shown_as_what_they_are(
    home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "pairs.jsonl"
    path.write_text('{"query": "a", "positive": "b", "id": 7}\n' * 99, encoding="utf-8")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await fill(pilot, "#data-train", str(path))
        title = " ".join(text_of(pilot, "#preview-title").split())
        assert "99 rows, query is the anchor, its other columns are not taken (id)" in title
        assert "each anchor's are the positives of the others" in title
        assert text_of(pilot, "#preview-rows").split("\n")[:3] == ["anchor   a", "positive b", ""]
        assert "steps of 32 pairs" in text_of(pilot, "#cost")
        row = '{"anchor": "a", "positive": "b", "neg": ["c", "d", "e"]}\n'
        more = tmp_path / "more.jsonl"
        more.write_text(row * 99 + '{"anchor": "f", "positive": "b", "neg": ["g"]}\n')
        await fill(pilot, "#data-train", str(more))
        title = " ".join(text_of(pilot, "#preview-title").split())
        assert "99 rows, neg is the negative, rows with fewer than 3 negatives are left" in title
        assert text_of(pilot, "#preview-rows").split("\n")[:5] == [
            *("anchor   a", "positive b", "negative c"),
            *("         and 2 more negatives", ""),
        ]
        assert "steps of 32 rows of 3 negatives" in text_of(pilot, "#cost")


async def test_control_characters_and_markup_of_data_are_shown_as_text(
    home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "hostile.jsonl"
    row = {
        "anchor": "[red]not red[/red] \x1b[31mnor this\x1b[0m",
        "positive": "[/] [@click=app.quit]press[/]",
        "negative": "\u202eback\u202c\x07",
    }
    path.write_text("\n".join([json.dumps(row)] * 3), encoding="utf-8")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await fill(pilot, "#data-train", str(path))
        shown = text_of(pilot, "#preview-rows")
        assert "[red]not red[/red]" in shown
        assert "[@click=app.quit]press[/]" in shown
        assert not any(character in shown for character in "\x1b\x07\u202e")


async def test_data_with_splits_brings_dev_and_test_along_but_a_file_does_not(home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await fill(pilot, "#data-train", "all-nli")
        await pilot.press("tab")
        for name in ("#data-dev", "#data-test"):
            field = pilot.app.screen.query_one(name, Input)
            await eventually(pilot, lambda field=field: field.value == "all-nli")
        await fill(pilot, "#data-train", "own.jsonl")
        await pilot.press("tab")
        await settle(pilot)
        assert pilot.app.screen.query_one("#data-dev", Input).value == "all-nli"


async def test_presets_and_recipe_files_fill_the_form(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("[training]\nlearning_rate = 0.001\nbf16 = true\n", encoding="utf-8")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        screen = pilot.app.screen
        screen.query_one("#source", Select).value = "all-nli"
        rows = screen.query_one("#data-train_rows", Input)
        await eventually(pilot, lambda: rows.value == "100000")
        assert screen.query_one("#training-bf16", Select).value == "true"
        screen.query_one("#source", Select).value = "recipe file"
        await eventually(pilot, lambda: start_button(pilot).disabled)
        await eventually(pilot, lambda: bool(screen.query("#file")))
        await fill(pilot, "#file", str(path))
        assert screen.query_one("#training-learning_rate", Input).value == "0.001"
        assert not start_button(pilot).disabled
        path.write_text("[training]\nlearning_rat = 0.001\n", encoding="utf-8")
        await fill(pilot, "#file", str(path) + " ")
        assert "learning_rat is unknown" in text_of(pilot, "#file-complaint")


async def test_the_precision_is_one_choice_of_two_fields(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.toml"
    path.write_text("[training]\nfp16 = true\n", encoding="utf-8")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        form = pilot.app.screen.query_one(RecipeForm)
        precision = form.query_one("#training-bf16", Select)
        form.query_one("#source", Select).value = "recipe file"
        await eventually(pilot, lambda: bool(form.query_one("#file").display))
        await fill(pilot, "#file", str(path))
        await eventually(pilot, lambda: precision.value == "fp16")
        for chosen, half in (
            ("true", (True, False)),
            ("fp16", (False, True)),
            ("false", (False,) * 2),
        ):
            precision.value = chosen
            await eventually(pilot, lambda half=half: halves(form) == half)


def halves(form: RecipeForm) -> tuple[bool, bool]:
    """Whether the recipe in the form asks for bf16, and for fp16."""
    training = form.values["training"]
    return training["bf16"], training["fp16"]


async def test_changed_fields_are_marked(home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await fill(pilot, "#training-num_train_epochs", "2")
        form = pilot.app.screen.query_one(RecipeForm)
        changed = [label.id for label in form.query(".changed")]
        assert changed == ["training-num_train_epochs-label"]


async def test_digits_switch_screens_from_anywhere(warm_home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        for key, mode in (("2", "evaluate"), ("3", "explore"), ("alt+1", "train")):
            await pilot.press(key)
            assert pilot.app.current_mode == mode
        pilot.app.screen.query_one("#training-num_train_epochs", Input).focus()
        await pilot.press("end", "2")
        assert pilot.app.current_mode == "train"
        await pilot.press("alt+2")
        assert pilot.app.current_mode == "evaluate"
        await pilot.press("1")
        await pilot.press("escape", "3")
        assert pilot.app.current_mode == "explore"


async def test_help_and_palette_know_the_keys(home: Path) -> None:
    finished_run()
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("question_mark")
        assert pilot.app.screen.query("HelpPanel")
        await pilot.press("question_mark")
        assert not pilot.app.screen.query("HelpPanel")
        await pilot.press("ctrl+p")
        await pilot.press(*"Runs")
        await settle(pilot)
        await pilot.press("enter")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await eventually(pilot, lambda: bool(pilot.app.screen.query(RunView)))
        run = pilot.app.screen.query_one(RunView).run
        assert run is not None
        assert run.id == "done"


async def open_run(pilot: Pilot[None]) -> RunView:
    """Open the newest run from the list."""
    await pilot.press("o")
    await settle_dialog(pilot)
    await pilot.press("enter")
    await eventually(pilot, lambda: any(map(caught_up, pilot.app.screen.query(RunView))))
    return pilot.app.screen.query_one(RunView)


async def test_a_finished_run_shows_its_table_and_offers_what_can_be_done(home: Path) -> None:
    finished_run(steps=30)
    async with StplayApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await open_run(pilot)
        table = pilot.app.screen.query_one(TrainingTable)
        assert table.row_count == 30
        assert table.cursor_row == 29
        assert table.cells(29) == [
            "1.000",
            "3,000",
            "0.1000",
            "0.0967",
            "0.810",
            "-",
        ]
        assert "✓ finished" in text_of(pilot, "#head-state")
        facts = text_of(pilot, "#facts")
        for fact in ("1,790 samples/s", "61,400 tokens/s", "1.0 GiB", "3 checkpoints, 448.0 MiB"):
            assert fact in facts
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        assert not screen.check_action("stop", ())
        assert not screen.check_action("resume", ())
        await pilot.press("n")
        assert pilot.app.focused is start_button(pilot)


async def test_failure_notes_and_damage_are_told_as_text(home: Path) -> None:
    run = finished_run(outcome="failed", exit_code=1, error="[red]boom[/red]\x1b[2J")
    with run.events_path.open("ab") as file:
        file.write(b"garbage\n")
    EventWriter(run.events_path).write(Noted(level="warning", text="[b]odd[/b]"))
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await open_run(pilot)
        notes = text_of(pilot, "#notes")
        assert "[red]boom[/red]" in notes
        assert "\x1b" not in notes
        assert "[b]odd[/b]" in notes
        assert "1 damaged line" in notes
        assert "✗ failed" in text_of(pilot, "#head-state")
        screen = pilot.app.screen
        assert isinstance(screen, TrainScreen)
        assert screen.check_action("resume", ())


async def test_rows_that_a_resume_replaces_leave_the_table(home: Path) -> None:
    from stplay.jobs.events import RunResumed

    run = finished_run(steps=5)
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        view = await open_run(pilot)
        table = pilot.app.screen.query_one(TrainingTable)
        assert table.row_count == 5
        writer = EventWriter(run.events_path)
        writer.write(RunResumed(step=250))
        writer.write(TrainLogged(step=260, epoch=0.5, loss=1.0, learning_rate=1e-5))
        view.look()

        def steps() -> list[str]:
            return [table.cells(row)[1] for row in range(table.row_count)]

        await eventually(pilot, lambda: steps() == ["100", "200", "260"])


async def test_the_workers_log_is_one_key_away(home: Path) -> None:
    run = finished_run()
    run.worker_log_path.write_text("50%|#\r100%|##\n[red]RuntimeError[/red]\x1b[2J\n")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await open_run(pilot)
        await pilot.press("l")
        panel = pilot.app.screen.query_one("#worker-log")
        assert panel.display
        await eventually(pilot, lambda: bool(panel.lines))  # type: ignore[attr-defined]
        lines = [line.text for line in panel.lines]  # type: ignore[attr-defined]
        assert lines[0] == "100%|##"
        assert lines[1].startswith("[red]RuntimeError[/red]")
        assert "\x1b" not in lines[1]
        await pilot.press("l")
        assert not panel.display


async def test_narrow_terminals_swap_form_and_data(home: Path) -> None:
    async with StplayApp().run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        preview = pilot.app.screen.query_one("DataPreview")
        form = pilot.app.screen.query_one(RecipeForm)
        assert (form.display, preview.display) == (True, False)
        await pilot.press("d")
        await eventually(pilot, lambda: (form.display, preview.display) == (False, True))
        await pilot.resize_terminal(120, 40)
        await eventually(pilot, lambda: form.display and preview.display)


async def test_one_start_however_often_it_is_pressed(home: Path) -> None:
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await pilot.press("enter", "enter", "enter")
        await settle(pilot)
        assert len(Run.every()) == 1
        (run,) = Run.every()
        while not pilot.app.screen.query("RunView"):
            await pilot.pause()
        assert run.read_log().active
    run.request_stop()
    while run.read_log().active:
        await asyncio.sleep(0.05)


async def test_a_complaint_of_the_data_goes_with_its_cause(home: Path, tmp_path: Path) -> None:
    path = write_triplets(tmp_path / "few.jsonl", 40)
    lines = path.read_text(encoding="utf-8")
    empty = json.dumps({"anchor": "", "positive": "a", "negative": "b"})
    path.write_text(f"{empty}\n{lines}", encoding="utf-8")
    async with StplayApp().run_test(size=(120, 40)) as pilot:
        await fill(pilot, "#data-train", str(path))
        await fill(pilot, "#data-train_rows", "1")
        assert "has no rows for train" in text_of(pilot, "#data-train-complaint")
        assert start_button(pilot).disabled
        await fill(pilot, "#data-train_rows", "")
        assert not text_of(pilot, "#data-train-complaint")
        assert not start_button(pilot).disabled
        batch = "#training-per_device_train_batch_size"
        await fill(pilot, batch, "41")
        assert "only 40 triplets" in text_of(pilot, f"{batch}-complaint")
        assert start_button(pilot).disabled
        await fill(pilot, "#data-train", "builtin:sample")
        assert not start_button(pilot).disabled
