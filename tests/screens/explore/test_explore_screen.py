"""The Explore screen, typed into, with real encoding processes."""

from __future__ import annotations

from pathlib import Path

import pytest
from exploring import arrangement_of, exploring, numbers, shown, type_line
from piloting import eventually, playground_of, settle, settle_dialog, text_of
from rich.cells import cell_len
from textual.geometry import Region
from textual.widgets import Input

from stplay.screens.app import StplayApp

pytestmark = pytest.mark.usefixtures("warm_home")


async def test_the_cards_sentences_are_there_and_answered() -> None:
    async with exploring() as (pilot, playground):
        assert pilot.app.focused is playground.editor
        rows = [numbers(line) for line in shown(playground) if numbers(line)]
        assert rows == [
            ["1.000", "0.742", "0.160"],
            ["0.742", "1.000", "0.110"],
            ["0.160", "0.110", "1.000"],
        ]
        assert "builtin:minilm" in text_of(pilot, "#model")
        assert "384 dimensions" in text_of(pilot, "#model")
        assert "1 × 2   0.74" in text_of(pilot, "#pair")
        assert "5 tokens" not in text_of(pilot, "#vector-tokens")
        assert "3 tokens   a · baby · smiling" in text_of(pilot, "#vector-tokens")
        assert "384 numbers" in text_of(pilot, "#vector-title")
        assert "norm 1.000" in text_of(pilot, "#vector-title")
        assert "weighs most in 1 × 2" in text_of(pilot, "#vector-shares")


async def test_the_matrix_follows_the_typing_and_the_newest_text_counts() -> None:
    async with exploring() as (pilot, playground):
        await type_line(pilot, playground, "A cat sleeps.")
        await eventually(pilot, lambda: len(playground.grids[0].numbers) == 4)
        playground.editor.text = "\n".join(f"The dog number {n} barks." for n in range(100))
        # From here on the model is busy with a hundred, if it is not that fast.
        await eventually(
            pilot,
            lambda: playground.models._encoding.is_looking or len(playground.sentences) == 100,
        )
        playground.editor.text = "not this one"
        playground.editor.text = "the newest\nof all"
        await eventually(
            pilot,
            lambda: arrangement_of(playground).answers[0].sentences == ["the newest", "of all"],
        )


async def test_empty_lines_one_sentence_and_none() -> None:
    async with exploring() as (pilot, playground):
        playground.editor.text = "\n\n  a cat  \n   \n\ta dog\n"
        await eventually(pilot, lambda: [one.number for one in playground.sentences] == [3, 5])
        assert arrangement_of(playground).answers[0].sentences == ["a cat", "a dog"]
        playground.editor.text = "a cat"
        await eventually(pilot, lambda: len(playground.sentences) == 1)
        assert [numbers(line) for line in shown(playground) if numbers(line)] == [["1.000"]]
        assert "1 × 1   1.000000" in text_of(pilot, "#pair")
        playground.editor.text = ""
        await eventually(pilot, lambda: not playground.grids)
        assert "Type sentences, one a line" in text_of(pilot, ".matrix-title")
        assert not text_of(pilot, "#pair")
        await pilot.press("escape", "d", "o", "v", "v", "right_square_bracket", "down")
        playground.editor.text = "back again"
        await eventually(pilot, lambda: len(playground.grids) == 1)


async def test_equal_sentences_are_exactly_alike() -> None:
    async with exploring(["the same", "another", "the same"]) as (_, playground):
        values = playground.grids[0].values
        assert values[0, 2] == 1
        row = next(line for line in shown(playground) if " 1 the same" in line)
        assert [numbers(row)[place] for place in (0, 2)] == ["1.000", "1.000"]


async def test_wide_joined_and_right_to_left_characters_stay_aligned() -> None:
    sentences = [
        "plain",
        "日本語の文です",
        "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL} a family",
        "e\u0301te\u0301 a\u0308",
        "שלום עולם",
    ]
    async with exploring(sentences) as (_, playground):
        lines = [line for line in shown(playground) if numbers(line)]
        assert len(lines) == len(sentences)
        ends = {cell_len(line[: line.rindex(numbers(line)[-1])]) for line in lines}
        assert len(ends) == 1, lines


async def test_control_characters_and_markup_are_shown_as_text() -> None:
    hostile = ["[red]not red[/red] \x1b[31mnor this", "[/] [@click=app.quit]x[/]", "\u202eback\x07"]
    async with exploring(hostile) as (pilot, playground):
        painted = "\n".join(shown(playground))
        painted += "\n".join(
            line.text for line in playground.editor.render_lines(Region(0, 0, 60, 5))
        )
        painted += text_of(pilot, "#pair") + text_of(pilot, "#vector-tokens")
        assert "[red]not red[/red]" in painted
        assert "[@click=app.quit]x[/]" in painted
        assert not set("\x1b\x07\u202e") & set(painted)
        (answer,) = arrangement_of(playground).answers
        assert answer.sentences == hostile  # the models read what was typed
        await pilot.press("escape", "v", "i")
        await settle_dialog(pilot)


async def test_a_long_line_tells_what_was_cut_off() -> None:
    async with exploring(["word " * 2000, "short"]) as (pilot, playground):
        read = text_of(pilot, "#vector-tokens")
        assert read.startswith("254 of 2,000 tokens; the rest is cut off"), read
        assert shown(playground)
        await pilot.press("escape", "i")
        await settle_dialog(pilot)


async def test_a_file_is_opened_and_a_hundred_lines_are_pasted(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text("one\n\ntwo\n", encoding="utf-8")
    async with exploring() as (pilot, playground):
        await pilot.press("ctrl+o")
        await settle_dialog(pilot)
        await pilot.press(*str(tmp_path / "none.txt"), "enter")
        await eventually(pilot, lambda: "cannot be read" in text_of(pilot, "#complaint"))
        pilot.app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await eventually(pilot, lambda: len(playground.sentences) == 2)
        from textual.events import Paste

        playground.editor.focus()
        playground.editor.select_all()
        pilot.app.post_message(Paste("\n".join(f"line {n}" for n in range(100)) + "\n"))
        await eventually(pilot, lambda: len(playground.sentences) == 100)
        assert playground.editor.document.line_count == 100


async def test_other_screens_hand_sentences_over(warm_home: Path) -> None:
    app = StplayApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(pilot)
        await app.explore(["an anchor\nof two lines", "a [b]positive[/b]"], "builtin:minilm")
        playground = await playground_of(pilot)
        assert app.current_mode == "explore"
        assert arrangement_of(playground).answers[0].sentences == [
            "an anchor of two lines",
            "a [b]positive[/b]",
        ]
        await pilot.press("escape", "1")
        await app.explore(["another"])
        await eventually(pilot, lambda: len(playground.sentences) == 1)
        assert app.current_mode == "explore"
