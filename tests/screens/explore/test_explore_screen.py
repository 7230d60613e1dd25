"""The Explore screen, driven key by key, with real encoding processes."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from exploring import exploring, map_text, map_title, shown
from piloting import eventually, playground_of, settle, settle_dialog, text_of
from rich.cells import cell_len
from safetensors.numpy import load_file
from samplerun import finished_run
from textual.geometry import Region
from textual.pilot import Pilot
from textual.widgets import Input, OptionList
from widemodel import make_wide_model

from stplay.encoding import encoders, projector
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import CheckpointSaved
from stplay.runs.modelsathand import OfferedModel
from stplay.screens.app import StplayApp
from stplay.screens.explore.explorescreen import CARD_SENTENCES
from stplay.screens.explore.matrix import Matrix
from stplay.screens.explore.modelchoice import ModelChoice
from stplay.screens.explore.playground import Playground
from stplay.sources import minilm

pytestmark = pytest.mark.usefixtures("warm_home")


def numbers(line: str) -> list[str]:
    """The numbers with decimals in a line."""
    words = line.replace("[", " ").replace("]", " ").split()
    return [word for word in words if "." in word and word.strip("+-").replace(".", "").isdigit()]


async def type_line(pilot: Pilot[None], playground: Playground, line: str) -> None:
    """Type a new last line."""
    playground.editor.focus()
    playground.editor.move_cursor(playground.editor.document.end)
    await pilot.press("enter", *line)


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
        await eventually(pilot, lambda: playground._answering or len(playground.sentences) == 100)
        playground.editor.text = "not this one"
        playground.editor.text = "the newest\nof all"
        await eventually(pilot, lambda: playground.answers[0].sentences == ["the newest", "of all"])


async def test_empty_lines_one_sentence_and_none() -> None:
    async with exploring() as (pilot, playground):
        playground.editor.text = "\n\n  a cat  \n   \n\ta dog\n"
        await eventually(pilot, lambda: [one.number for one in playground.sentences] == [3, 5])
        assert playground.answers[0].sentences == ["a cat", "a dog"]
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
        assert playground.answers[0].sentences == hostile  # the models read what was typed
        await pilot.press("escape", "v", "i")
        await settle_dialog(pilot)


async def test_a_long_line_tells_what_was_cut_off() -> None:
    async with exploring(["word " * 2000, "short"]) as (pilot, playground):
        read = text_of(pilot, "#vector-tokens")
        assert read.startswith("254 of 2,000 tokens; the rest is cut off"), read
        assert shown(playground)
        await pilot.press("escape", "i")
        await settle_dialog(pilot)


async def test_cursor_order_metric_and_threshold() -> None:
    async with exploring([*CARD_SENTENCES, "an infant smiles"]) as (pilot, playground):
        await pilot.press("escape")
        matrix = playground.query(Matrix).first()
        assert pilot.app.focused is matrix
        await pilot.press("down", "down", "left")
        assert playground.pair == (2, 0)
        assert text_of(pilot, "#pair").splitlines()[1:] == [
            "3  The dog has big ears.",
            "1  a baby smiling",
        ]
        await pilot.press("up", "up", "o")
        await eventually(pilot, lambda: list(playground.grids[0].order) == [0, 3, 1, 2])
        assert "by similarity to 1" in text_of(pilot, ".matrix-title")
        assert [line.split()[0] for line in shown(playground) if numbers(line)] == list("1423")
        await pilot.press("o")
        await eventually(pilot, lambda: "clusters" in text_of(pilot, ".matrix-title"))
        assert sorted(playground.grids[0].order) == [0, 1, 2, 3]
        await pilot.press("o", "d")
        await eventually(pilot, lambda: text_of(pilot, ".matrix-title").startswith("dot"))
        await pilot.press("d")
        await eventually(pilot, lambda: text_of(pilot, ".matrix-title").startswith("manhattan"))
        assert playground.grids[0].values[0, 0] == 0
        await pilot.press("d", "d")
        await eventually(pilot, lambda: text_of(pilot, ".matrix-title").startswith("cosine"))
        for _ in range(4):
            await pilot.press("right_square_bracket")
        await eventually(pilot, lambda: "dim below 0.20" in text_of(pilot, ".matrix-title"))
        await pilot.press(*["left_square_bracket"] * 4)
        await eventually(pilot, lambda: "dim" not in text_of(pilot, ".matrix-title"))


async def test_the_mouse_chooses_a_pair() -> None:
    async with exploring() as (pilot, playground):
        lines = shown(playground)
        row = next(y for y, line in enumerate(lines) if "3 The dog" in line)
        await pilot.click(Matrix, offset=(lines[row].index("0.110"), row))
        assert playground.pair == (2, 1)


async def test_the_line_that_is_edited_is_the_row_that_is_chosen() -> None:
    async with exploring() as (pilot, playground):
        playground.editor.focus()
        playground.editor.move_cursor((2, 0))
        await eventually(pilot, lambda: playground.pair[0] == 2)
        assert "vector of 3" in text_of(pilot, "#vector-title")
        await pilot.press("up")
        await eventually(pilot, lambda: playground.pair[0] == 1)


async def test_keys_work_while_typing_with_alt_and_the_footer_says_so() -> None:
    async with exploring() as (pilot, playground):
        assert playground.editor.has_focus
        playground.editor.move_cursor(playground.editor.document.end)
        await pilot.press("alt+d")
        await eventually(pilot, lambda: text_of(pilot, ".matrix-title").startswith("dot"))
        await pilot.press("d")
        assert playground.editor.text.endswith("ears.d")
        keys = {
            binding.binding.action: key for key, binding in pilot.app.screen.active_bindings.items()
        }
        assert keys["next_metric"] == "alt+d"
        await pilot.press("ctrl+p", *"Order")
        await settle(pilot)
        await pilot.press("enter")
        await eventually(pilot, lambda: playground.view.order == "by similarity")


async def test_200_sentences_scroll_with_their_names_in_view() -> None:
    async with exploring([f"sentence number {number}" for number in range(200)]) as (
        pilot,
        playground,
    ):
        await pilot.press("escape", "end", *["pagedown"] * 20)
        assert playground.pair == (199, 199)
        lines = shown(playground)
        assert any(line.startswith(" 200 sentence") for line in lines)
        assert "200" in lines[0]
        assert "[]" in lines[-1]


async def test_a_model_that_does_not_load_leaves_the_old_one() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "m")
        await settle_dialog(pilot)
        await pilot.press(*"./nowhere", "enter")
        await eventually(pilot, lambda: "no model folder ./nowhere" in text_of(pilot, "#complaint"))
        await pilot.press("escape")
        playground.open_model("nobody/nothing")  # there is no network
        await eventually(pilot, lambda: "✗" in text_of(pilot, "#notice"))
        assert text_of(pilot, "#notice").count("\n") == 0
        assert playground.slots[0].name == "builtin:minilm"
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
            for process in psutil.process_iter(["cmdline"]):
                line = " ".join(process.info["cmdline"] or [])
                if "stplay.engine.encode" in line and str(home) in line:
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
        assert [answer.embeddings.shape[1] for answer in playground.answers] == [384, 768]
        assert any("+0.000" in line for line in shown(playground, 2))
        assert "difference" in text_of(pilot, "#pair")
        await pilot.press("right")
        assert [matrix.cursor for matrix in playground.query(Matrix)] == [playground.pair] * 3
        await pilot.press("a")
        await eventually(pilot, lambda: len(playground.grids) == 1)


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
        assert not playground.slider.display
        playground.open_model("run:slider@200")
        await eventually(pilot, lambda: playground.slots[0].name == "run:slider@200", seconds=60)
        assert "step 200" in str(playground.slider.render())
        await pilot.press("escape", "comma")
        await eventually(pilot, lambda: playground.slots[0].name == "run:slider@100", seconds=60)
        await eventually(pilot, lambda: bool(playground.grids))
        assert "step 100" in str(playground.slider.render())
        await pilot.press("comma")  # there is no earlier one
        await pilot.press("full_stop")
        await eventually(pilot, lambda: playground.slots[0].name == "run:slider@200")


async def test_the_map_is_linked_to_the_selection() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "v")
        assert playground.shown == "map"
        await eventually(
            pilot,
            lambda: (
                "two principal components, 100% of the spread" in map_title(playground)
                and map_text(playground).count("●") == 3
                and "3 The dog has big ears." in map_text(playground)
            ),
        )
        x, y = playground.map._places[2]
        await pilot.click("#map", offset=(x, y))
        assert playground.pair[0] == 2
        await pilot.press("escape")
        assert playground.shown == "matrices"


@pytest.mark.skipif(projector.is_installed(), reason="umap-learn is installed")
async def test_umap_is_not_offered_where_it_is_not_installed() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "v")
        await eventually(pilot, lambda: playground.shown == "map" and bool(playground.map._places))
        assert "p" not in pilot.app.screen.active_bindings
        await pilot.press("p")
        await eventually(pilot, lambda: "principal" in map_title(playground))


@pytest.mark.skipif(not projector.is_installed(), reason="umap-learn is not installed")
async def test_umap_draws_the_map_too() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "v", "p")
        await eventually(pilot, lambda: "UMAP needs 4 sentences" in map_title(playground))
        playground.editor.text = "\n".join([*CARD_SENTENCES, "a cat", "two cats"])
        await eventually(pilot, lambda: "UMAP is on its way" in map_title(playground))
        await eventually(pilot, lambda: "UMAP by cosine" in map_title(playground), seconds=90)
        assert len(playground.map._places) == 5
        await pilot.press("p")
        await eventually(pilot, lambda: "principal" in map_title(playground))


async def test_neighbours_in_a_corpus_as_you_type(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    lines = [f"The number {number} is a number." for number in range(50)]
    corpus.write_text(
        "\n".join([*lines, "A dog sleeps in the garden.", lines[0]]), encoding="utf-8"
    )
    async with exploring(["A dog sleeps in a garden."]) as (pilot, playground):
        await pilot.press("escape", "n")
        await settle_dialog(pilot)
        await pilot.press(*str(corpus), "enter")
        await eventually(pilot, lambda: "nearest to" in text_of(pilot, "#neighbours"))
        assert "52 rows" in text_of(pilot, "#corpus-cost")
        assert "on disk" in text_of(pilot, "#corpus-cost")
        assert "A dog sleeps in the garden." in text_of(pilot, "#neighbours").splitlines()[2]
        assert "in the garden" in text_of(pilot, "#neighbours")
        assert " ms" in text_of(pilot, "#neighbours")
        playground.editor.text = "Which number is it? 7"
        await eventually(pilot, lambda: "number" in text_of(pilot, "#neighbours").splitlines()[2])
        await pilot.press("n")
        assert playground.shown == "matrices"
        playground.load_corpus(str(tmp_path / "none.txt"), None)
        await eventually(pilot, lambda: "none.txt" in text_of(pilot, "#notice"))


async def test_copy_and_save(tmp_path: Path) -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "y")
        await eventually(
            pilot, lambda: "| 1 | a baby smiling | 1.000 | 0.742 |" in pilot.app.clipboard
        )
        await pilot.press("Y")
        assert pilot.app.clipboard.startswith("sentence,a baby smiling,")
        for suffix in ("csv", "json", "npy", "safetensors", "md", "svg", "png"):
            await pilot.press("ctrl+s")
            await settle_dialog(pilot)
            pilot.app.screen.query_one(Input).value = str(tmp_path / f"matrix.{suffix}")
            await pilot.press("enter")
            await eventually(pilot, lambda: not pilot.app.screen.is_modal)
        values = playground.grids[0].values
        np.testing.assert_array_equal(np.load(tmp_path / "matrix.npy"), values)
        saved = load_file(tmp_path / "matrix.safetensors")
        np.testing.assert_array_equal(saved["matrix"], values)
        assert saved["embeddings"].shape == (3, 384)
        assert json.loads((tmp_path / "matrix.json").read_text())["metric"] == "cosine"
        picture = (tmp_path / "matrix.svg").read_text()
        assert "0.742" in picture
        assert "The dog has big ears." in picture
        assert (tmp_path / "matrix.png").read_bytes().startswith(b"\x89PNG")
        for wrong, words in (
            ("matrix.txt", "does not tell what to write"),
            ("no/m.csv", "written"),
        ):
            await pilot.press("ctrl+s")
            await settle_dialog(pilot)
            pilot.app.screen.query_one(Input).value = str(tmp_path / wrong)
            await pilot.press("enter")
            await eventually(pilot, lambda words=words: words in text_of(pilot, "#complaint"))
            await pilot.press("escape")


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
        assert playground.answers[0].sentences == ["an anchor of two lines", "a [b]positive[/b]"]
        await pilot.press("escape", "1")
        await app.explore(["another"])
        await eventually(pilot, lambda: len(playground.sentences) == 1)
        assert app.current_mode == "explore"


async def test_all_numbers_of_a_vector_are_one_key_away() -> None:
    async with exploring(size=(80, 24)) as (pilot, playground):
        assert not playground.selection.vector.display
        await pilot.press("escape", "i")
        await settle_dialog(pilot)
        texts = [str(line.render()) for line in pilot.app.screen.query("Static")]  # type: ignore
        vector = playground.answers[0].embeddings[0]
        assert any(f"{vector[383]:.5f}" in text for text in texts)
        await pilot.press("escape")
        assert pilot.app.screen is playground.screen


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
