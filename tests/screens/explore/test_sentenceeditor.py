"""The editor: edited, undone, resized and scrolled at random, and always as if written anew."""

from __future__ import annotations

import random

import pytest
from piloting import eventually, playground_of
from textual.app import App, ComposeResult
from textual.document._wrapped_document import WrappedDocument
from textual.events import Paste
from textual.pilot import Pilot

from stplay import lines
from stplay.screens.app import StplayApp
from stplay.screens.explore.explorescreen import ExploreScreen
from stplay.screens.explore.sentenceeditor import SentenceEditor

PIECES = (
    "a",
    "a cat on a mat, ",
    "\n",
    "one\ntwo\nthree\n",
    "\r\n",
    "old\rmac",
    "日本語の文です",
    "\N{WOMAN}\N{ZERO WIDTH JOINER}\N{GIRL}",
    "e\u0301\u202e\x1b[2J\t",
    "form\x0cfeed, next\x85line, line\u2028separator",
    "\n".join(f"line {number} " + "of some words " * (number % 5) for number in range(40)),
)
KEYS = (
    *("ctrl+z",) * 4,
    *("ctrl+y",) * 3,
    *("backspace", "delete", "enter", "ctrl+x", "ctrl+v", "ctrl+c"),
    *("ctrl+shift+k", "ctrl+w", "ctrl+u", "ctrl+k", "ctrl+f"),
    *("up", "down", "left", "right", "pageup", "pagedown", "home", "end"),
    *("shift+up", "shift+down", "ctrl+shift+home", "ctrl+shift+end", "ctrl+a"),
)
SIZES = ((80, 24), (40, 12), (23, 6), (12, 3), (100, 30))


class Desk(App[None]):
    """The editor alone."""

    CSS = "SentenceEditor { height: auto; max-height: 6; border: none; padding: 0; }"

    def compose(self) -> ComposeResult:
        """The editor."""
        yield SentenceEditor("a cat\na dog")

    @property
    def editor(self) -> SentenceEditor:
        """The editor."""
        return self.query_one(SentenceEditor)


async def step(pilot: Pilot[None], editor: SentenceEditor, chance: random.Random) -> str:
    """Do something; tell what."""
    match chance.randrange(12):
        case 0:
            size = chance.choice(SIZES)
            await pilot.resize_terminal(*size)
            return f"resize {size}"
        case 1:
            editor.select_all()
            return "select all"
        case 2:
            editor.soft_wrap = not editor.soft_wrap
            return "wrap"
        case 3 | 4 | 5:
            piece = chance.choice(PIECES)
            await editor._on_paste(Paste(piece))
            return f"paste {piece!r}"
        case 6:
            row = chance.randrange(editor.document.line_count)
            editor.move_cursor((row, chance.randrange(9)), select=chance.random() < 0.5)
            return f"go to {row}"
        case 7:
            text = chance.choice(PIECES)
            editor.insert(text, (0, 0), maintain_selection_offset=True)
            return f"insert {text!r}"
        case _:
            keys = chance.choices(KEYS, k=chance.randrange(1, 6))
            await pilot.press(*keys)
            return " ".join(keys)


def assert_as_new(editor: SentenceEditor) -> None:
    """What is known of the text is what would be known of it, were it written anew."""
    wrapped = editor.wrapped_document
    assert wrapped.document is editor.document
    new = WrappedDocument(editor.document, wrapped._width, editor.indent_width)
    assert wrapped._wrap_offsets == new._wrap_offsets
    assert wrapped._line_index_to_offsets == new._line_index_to_offsets
    assert wrapped._offset_to_line_info == new._offset_to_line_info
    row, column = editor.cursor_location
    assert column <= len(editor.document.get_line(row))
    assert editor.document.lines == lines.split(editor.text + editor.document.newline)


@pytest.mark.parametrize("seed", range(10))
async def test_edits_undone_and_made_again_at_random(seed: int) -> None:
    chance, done = random.Random(seed), []
    app = Desk()
    async with app.run_test(size=chance.choice(SIZES)) as pilot:
        editor = app.editor
        editor.focus()
        for _ in range(40):
            done.append(await step(pilot, editor, chance))
            if chance.random() < 0.5:
                await pilot.pause()
            assert_as_new(editor)
        while editor.history.redo_stack:
            editor.redo()
        text = editor.text
        while editor.history.undo_stack:
            editor.undo()
            assert_as_new(editor)
        assert editor.text == "a cat\na dog", done
        while editor.history.redo_stack:
            editor.redo()
            assert_as_new(editor)
        assert editor.text == text, done


@pytest.mark.usefixtures("warm_home")
async def test_forty_pasted_lines_are_undone_on_a_small_terminal() -> None:
    """Once the app ended there, as the old cursor was looked for below the new end."""
    app = StplayApp("explore")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = app.screen
        assert isinstance(screen, ExploreScreen)
        screen.show_sentences(["a cat"], "builtin:minilm")
        editor = (await playground_of(pilot)).editor
        editor.move_cursor(editor.document.end)
        app.post_message(Paste("\n".join(f"line {number}" for number in range(40))))
        await eventually(pilot, lambda: editor.document.line_count == 40)
        await pilot.press("ctrl+z")
        await eventually(pilot, lambda: editor.text == "a cat")
        await pilot.press("ctrl+y")
        await eventually(pilot, lambda: editor.document.line_count == 40)


async def test_a_sentence_may_hold_what_is_no_line_end() -> None:
    app = Desk()
    async with app.run_test():
        app.editor.text = "form\x0cfeed\nnext\x85line"
        await app.editor._on_paste(Paste("a\u2028b\rc"))
        found = [sentence.text for sentence in app.editor.sentences]
        assert found == ["a\u2028b", "cform\x0cfeed", "next\x85line"]
