"""The Evaluate screen, driven by keys."""

from __future__ import annotations

import csv
import json
import os
import signal
import time
from pathlib import Path

import msgspec
import psutil
import pytest
from piloting import eventually, fill, open_result, open_screen, settle, settle_dialog, text_of
from sampleevaluation import finished_evaluation
from textual.pilot import Pilot
from textual.widgets import Button, Input, SelectionList, Static

from stplay.evaluations.evaluation import Evaluation
from stplay.screens.app import StplayApp
from stplay.screens.evaluate.evaluatescreen import EvaluateScreen
from stplay.screens.evaluate.tripletlist import TripletList
from stplay.screens.shared.dialog import Choice, Question

SIZE = (120, 40)
PATIENCE_SECONDS = 120.0


async def wait_for(pilot: Pilot[None], selector: str, text: str) -> None:
    """Wait until a line of the screen has ``text``."""
    end = time.monotonic() + PATIENCE_SECONDS
    while text not in text_of(pilot, selector):
        assert time.monotonic() < end, text_of(pilot, selector)
        await pilot.pause(0.05)


def shown(pilot: Pilot[None]) -> str:
    return text_of(pilot, "#accuracies")


def notified(pilot: Pilot[None]) -> str:
    return " ".join(note.message for note in pilot.app._notifications)


async def test_a_result_has_intervals_and_says_who_is_better(home: Path) -> None:
    finished_evaluation("sample-1")
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        await open_result(pilot, "sample-1")
        assert "cosine_accuracy" in shown(pilot)
        assert "±." in shown(pilot)
        assert "sample-test, 1,000 triplets" in shown(pilot)
        assert "B is better on" in text_of(pilot, "#comparisons")
        assert "unlikely to be chance (p < 0.00001), by cosine" in text_of(pilot, "#comparisons")
        assert "card" not in shown(pilot)


async def test_the_card_stands_beside_its_own_data(home: Path) -> None:
    finished_evaluation("all-nli-1", data="all-nli")
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        await open_result(pilot, "all-nli-1")
        assert "card" in shown(pilot)
        assert "0.849" in shown(pilot)
        assert "0.163*" in shown(pilot)
        assert "inverted" in text_of(pilot, "#comparisons")
        assert "about 0.837 on dev" in text_of(pilot, "#comparisons")


async def test_the_list_is_worst_first_and_follows_model_other_split_and_search(
    home: Path,
) -> None:
    evaluation = finished_evaluation("sample-1")
    right = [
        evaluation.scores(model, "dev").right("cosine") for model in evaluation.request().models
    ]
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        wrong = screen.view.wrong
        assert wrong is not None
        margins = [triplet.margin for triplet in wrong]
        assert margins == sorted(margins)
        assert f"A wrong: {int((~right[0]).sum())}" in text_of(pilot, "#wrong-title")
        await pilot.press("b")
        only = int((~right[0] & right[1]).sum())
        assert f"A wrong, B right: {only}" in text_of(pilot, "#wrong-title")
        await pilot.press("b", "m")
        assert f"B wrong: {int((~right[1]).sum())}" in text_of(pilot, "#wrong-title")
        await pilot.press("s")
        await settle(pilot)
        assert "on sample-test" in text_of(pilot, "#wrong-title")
        await pilot.press("slash", *"HORSE")
        await settle(pilot)
        assert screen.view.wrong is not None
        assert len(screen.view.wrong)
        assert all("horse" in triplet.anchor for triplet in screen.view.wrong)
        await pilot.press("escape")
        await settle(pilot)
        assert screen.focused is screen.view.triplets
        assert "HORSE" not in text_of(pilot, "#wrong-title")


async def test_the_cursor_shows_the_triplet_and_one_key_opens_it_in_explore(home: Path) -> None:
    finished_evaluation("sample-1")
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        await pilot.press("down", "down")
        triplet = screen.view.triplets.triplet
        assert triplet is not None
        assert screen.view.wrong is not None
        assert triplet == screen.view.wrong[2]
        assert triplet.negative in text_of(pilot, "#wrong-detail")
        assert f"{triplet.negative_similarity:.3f}" in text_of(pilot, "#wrong-detail")
        await pilot.press("end")
        assert screen.view.triplets.cursor == len(screen.view.wrong) - 1
        await pilot.press("e")
        await settle(pilot)
        assert pilot.app.current_mode == "explore"


async def test_the_breakdown_takes_the_place_of_the_list(home: Path) -> None:
    finished_evaluation("sample-1", sources=["snli", "multi[b]nli"])
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        await pilot.press("i")
        await settle(pilot)
        text = text_of(pilot, "#breakdown")
        assert "multi[b]nli" in text
        assert "words" in text
        assert "Margins of A run:all-nli-7" in text
        assert not screen.view.triplets.display
        await pilot.press("i")
        assert screen.view.triplets.display


async def test_an_earlier_evaluation_of_equal_rows_stands_beside_this_one(home: Path) -> None:
    finished_evaluation("sample-1", models=["builtin:tiny"])
    finished_evaluation("sample-2", models=["builtin:minilm"])
    finished_evaluation("sample-3", models=["builtin:minilm"], rows=400)
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        screen.show_results([Evaluation.find("sample-1"), Evaluation.find("sample-2")])
        await settle(pilot)
        assert [each.model.name for each in screen.view.contenders] == [
            "builtin:tiny",
            "builtin:minilm",
        ]
        screen.show_results([Evaluation.find("sample-1"), Evaluation.find("sample-3")])
        await settle(pilot)
        assert "400 triplets of sample-dev, not 1,000; only equal triplets can be" in notified(
            pilot
        )
        assert len(screen.view.contenders) == 2, "what was shown stays"


async def test_many_checkpoints_are_drawn_over_their_steps(home: Path) -> None:
    models = [f"run:few@{step}" for step in (100, 200, 300, 400, 500)]
    finished_evaluation("sample-1", models=models, errors=["run:bad@1 gives NaN; take another."])
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        await open_result(pilot, "sample-1")
        lines = shown(pilot).splitlines()
        assert "E run:few@500" in lines[5]
        dots = [line.index("●") for line in lines[1:6]]
        assert dots == sorted(dots)
        assert dots[0] < dots[-1]
        assert "✗ run:bad@1 gives NaN" in text_of(pilot, "#evaluated")


async def test_6584_triplets_are_read_only_where_they_are_seen(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stplay.evaluations.wrongtriplets import WrongTriplets

    finished_evaluation("sample-1", rows=6584)
    read: list[int] = []
    whole = WrongTriplets.__getitem__

    def counted(self: WrongTriplets, number: int) -> object:
        read.append(number)
        return whole(self, number)

    monkeypatch.setattr(WrongTriplets, "__getitem__", counted)
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        read.clear()
        await pilot.press("end")
        assert screen.view.wrong is not None
        last = len(screen.view.wrong) - 1
        await eventually(pilot, lambda: max(read, default=0) == last)
        assert len(set(read)) < 100


async def test_export_writes_what_is_listed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_evaluation("sample-1")
    monkeypatch.chdir(tmp_path)
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_result(pilot, "sample-1")
        await pilot.press("b")
        for keys in (["enter"], ["down", "enter"]):
            await pilot.press("x")
            await settle_dialog(pilot)
            assert isinstance(pilot.app.screen, Choice)
            await pilot.press(*keys)
            await settle(pilot)
        assert screen.view.wrong is not None
        expected = [triplet.row for triplet in screen.view.wrong]
    lines = (tmp_path / "sample-1-dev-wrong.jsonl").read_text().splitlines()
    assert [json.loads(line)["row"] for line in lines] == expected
    with (tmp_path / "sample-1-dev-wrong.csv").open(newline="") as file:
        assert [int(row["row"]) for row in csv.DictReader(file)] == expected


async def test_mistakes_are_told_at_their_fields(home: Path) -> None:
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot)
        button = screen.query_one("#evaluate", Button)
        assert not button.disabled
        await fill(pilot, "#data", "nothing.jsonl")
        assert "There is no data file" in text_of(pilot, "#data-complaint")
        assert button.disabled
        await fill(pilot, "#data", "builtin:sample")
        await fill(pilot, "#rows", "many")
        assert "whole number above 0" in text_of(pilot, "#rows-complaint")
        for field in ("rows", "dimensions"):
            for text in ("9" * 5000, "0", "²", "1e3"):
                await fill(pilot, f"#{field}", text)
                assert "whole number above 0" in text_of(pilot, f"#{field}-complaint")
                assert button.disabled
            await fill(pilot, f"#{field}", "100")
            assert not button.disabled
        await fill(pilot, "#model", "run:nothing")
        await pilot.press("enter")
        await settle(pilot)
        assert "There is no run 'nothing'" in text_of(pilot, "#model-complaint")
        await fill(pilot, "#model", "")
        assert not button.disabled
        screen.query_one("#models", SelectionList).deselect_all()
        await eventually(pilot, lambda: button.disabled)


async def test_an_evaluation_from_the_form_to_its_result_and_again_from_the_list(
    home: Path,
) -> None:
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot)
        screen.form.choose("builtin:tiny")
        await fill(pilot, "#rows", "20")
        screen.query_one("#evaluate", Button).press()
        await wait_for(pilot, "#evaluated", "✓ finished")
        await settle(pilot)
        assert "sample-dev, 20 triplets" in shown(pilot)
        assert "untrained" in text_of(pilot, "#evaluated")
        await pilot.press("n")
        await settle(pilot)
        earlier = screen.query_one("#earlier-list")
        earlier.focus()
        await pilot.press("down", "enter")
        await settle(pilot)
        assert "sample-1" in text_of(pilot, "#evaluated")


async def test_cancelled_half_way_nothing_is_kept(home: Path) -> None:
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot)
        screen.form.choose("builtin:tiny")
        screen.query_one("#evaluate", Button).press()
        await wait_for(pilot, "#watch-stage", "Encoding with builtin:tiny")
        await pilot.press("c")
        await settle_dialog(pilot)
        await pilot.press("tab", "enter")
        await eventually(pilot, lambda: screen.form.display)
        assert "the partial result is thrown away" in notified(pilot)
    assert not list((home / "data" / "evaluations").iterdir())


async def test_a_process_that_dies_is_told_in_a_sentence_and_one_key_tries_again(
    home: Path,
) -> None:
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        screen = await open_screen(pilot)
        screen.form.choose("builtin:tiny")
        await fill(pilot, "#rows", "300")
        screen.query_one("#evaluate", Button).press()
        await wait_for(pilot, "#watch-stage", "Encoding with builtin:tiny")
        worker = screen.watch_.job_log.worker
        assert worker is not None
        os.kill(worker.pid, signal.SIGKILL)
        await wait_for(pilot, "#watch-notes", "The evaluation process was killed")
        assert "try again" in text_of(pilot, "#watch-notes")
        assert not psutil.pid_exists(worker.pid) or psutil.Process(worker.pid).status() == "zombie"
        evaluation = screen.watch_.evaluation
        assert evaluation is not None
        request = msgspec.structs.replace(evaluation.request(), limit=20)
        evaluation.request_path.write_bytes(msgspec.json.encode(request))
        await pilot.press("r")
        await wait_for(pilot, "#evaluated", "✓ finished")


async def test_a_run_is_evaluated_from_the_train_screen(home: Path) -> None:
    from samplerun import finished_run

    run = finished_run("done")
    (run.folder / "model").mkdir()
    async with StplayApp().run_test(size=SIZE) as pilot:
        await settle(pilot)
        await pilot.press("o")
        await settle_dialog(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("e")
        await settle(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, EvaluateScreen)
        assert screen.query_one("#models", SelectionList).selected == ["run:done"]


async def test_markup_and_control_characters_of_others_stay_text(home: Path) -> None:
    finished_evaluation("sample-1", models=["./[red]x[/red]\x1b[31m"])
    async with StplayApp("evaluate").run_test(size=SIZE) as pilot:
        await open_result(pilot, "sample-1")
        assert "[red]x[/red]\ufffd[31m" in text_of(pilot, "#evaluated")
        assert not any("\x1b" in str(line.render()) for line in pilot.app.screen.query(Static))
        assert pilot.app.screen.query_one(TripletList).display
        assert isinstance(pilot.app.screen.query_one("#wrong-search"), Input)


async def test_the_cards_are_written_by_a_process_of_its_own(home: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    model.mkdir()
    evaluation = finished_evaluation("sample-1", models=[str(model)], rows=20)
    async with StplayApp("evaluate").run_test(size=(160, 40)) as pilot:
        await open_result(pilot, "sample-1")
        for told in (f"The figures are in {model / 'README.md'}", "sample-1 has no summary.json"):
            await pilot.press("w")
            await eventually(pilot, lambda: isinstance(pilot.app.screen, Question))
            await pilot.press("tab", "enter")
            await eventually(pilot, lambda told=told: told in notified(pilot), 120)
            evaluation.summary_path.unlink(missing_ok=True)
    assert "cosine_accuracy" in (model / "README.md").read_text(encoding="utf-8")


async def test_a_process_for_cards_that_fails_is_told_with_its_log(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished_evaluation("sample-1", rows=20)
    monkeypatch.setenv("PYTHONHOME", str(home / "nowhere"))  # Python itself cannot start
    async with StplayApp("evaluate").run_test(size=(160, 40)) as pilot:
        await open_result(pilot, "sample-1")
        await pilot.press("w")
        await eventually(pilot, lambda: isinstance(pilot.app.screen, Question))
        await pilot.press("tab", "enter")
        await eventually(pilot, lambda: "process that writes the cards ended" in notified(pilot))
        assert str(home / "cache" / "modelcard.log") in notified(pilot)
