"""What the keys and the mouse do on the Explore screen, with real encoding processes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from exploring import arrangement_of, exploring, map_text, map_title, numbers, shown
from piloting import eventually, settle, settle_dialog, text_of
from safetensors.numpy import load_file
from textual.events import AppBlur, AppFocus
from textual.widgets import Input

from stplay.encoding import projector
from stplay.runs.probesentences import CARD_SENTENCES
from stplay.screens.shared.commands import KeyCommands
from stplay.screens.shared.matrix import Matrix

pytestmark = pytest.mark.usefixtures("warm_home")


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
        await eventually(pilot, lambda: playground.perspective.order == "by similarity")


EVERYWHERE = {"Model", "Metric", "Order", "Map", "Neighbours", "Compare", "Vector", "Dim less"}
EVERYWHERE |= {"Dim more", "Copy", "Copy as CSV", "Save", "Open file", "Train", "Quit"}


async def test_the_palette_offers_every_key_wherever_the_focus_is() -> None:
    async with exploring() as (pilot, playground):

        def offered() -> set[str]:
            return {name for name, *_ in KeyCommands(pilot.app.screen)._commands()}

        assert playground.editor.has_focus
        # With alt, what has a key while sentences are typed.
        assert offered() >= EVERYWHERE - {"Dim less", "Dim more"} | {"Leave the editor"}
        await pilot.press("escape")
        assert offered() >= EVERYWHERE | {"Edit"}
        assert not offered() & {"Up", "Down", "Page up", "First column", "Leave the editor"}
        await pilot.press("v")
        assert offered() >= EVERYWHERE | {"Edit", "Leave the editor"}
        playground.answers.show("corpus")
        await eventually(pilot, lambda: offered() >= EVERYWHERE | {"Another corpus"})


async def test_the_focus_never_leaves_the_playground_whose_keys_work() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "v")
        pilot.app.post_message(AppBlur())  # the terminal is left for another one
        await settle(pilot)
        assert playground.has_focus_within
        await pilot.press("down", "d")
        assert playground.pair == (1, 1), "the map follows the cursor of the matrix"
        await eventually(pilot, lambda: arrangement_of(playground).perspective.metric == "dot")
        pilot.app.post_message(AppFocus())
        await pilot.press("v", "tab")
        assert playground.has_focus_within


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


async def test_the_map_is_linked_to_the_selection() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "v")
        assert playground.answers.shown == "map"
        await eventually(
            pilot,
            lambda: (
                "two principal components, 100% of the spread" in map_title(playground)
                and map_text(playground).count("●") == 3
                and "3 The dog has big ears." in map_text(playground)
            ),
        )
        x, y = playground.answers.map._places[2]
        await pilot.click("#map", offset=(x, y))
        assert playground.pair[0] == 2
        await pilot.press("escape")
        assert playground.answers.shown == "matrices"


@pytest.mark.skipif(projector.is_installed(), reason="umap-learn is installed")
async def test_umap_is_not_offered_where_it_is_not_installed() -> None:
    async with exploring() as (pilot, playground):
        await pilot.press("escape", "v")
        await eventually(
            pilot,
            lambda: playground.answers.shown == "map" and bool(playground.answers.map._places),
        )
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
        assert len(playground.answers.map._places) == 5
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
        assert playground.answers.shown == "matrices"
        playground.answers.load_corpus(str(tmp_path / "none.txt"), None)
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


async def test_all_numbers_of_a_vector_are_one_key_away() -> None:
    async with exploring(size=(80, 24)) as (pilot, playground):
        assert not playground.selection.vector.display
        await pilot.press("escape", "i")
        await settle_dialog(pilot)
        texts = [str(line.render()) for line in pilot.app.screen.query("Static")]  # type: ignore
        vector = arrangement_of(playground).answers[0].embeddings[0]
        assert any(f"{vector[383]:.5f}" in text for text in texts)
        await pilot.press("escape")
        assert pilot.app.screen is playground.screen
