"""The editor: one sentence a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text
from textual.document._document_navigator import DocumentNavigator
from textual.document._edit import Edit
from textual.document._wrapped_document import WrappedDocument
from textual.events import Paste
from textual.widgets import TextArea

from stplay.encoding.sentences import sentences_of
from stplay.errors import UserError
from stplay.screens.explore.sentencedocument import SentenceDocument
from stplay.sources.paths import expanded, holds
from stplay.text import printable, size

MOST_BYTES = 1 << 23


class Sentence(NamedTuple):
    """A sentence and the number of the line on which it stands, from 1 on."""

    number: int
    text: str


def read_sentences(name: str) -> list[str]:
    """The sentences in the text file called ``name``, one a line.

    Raises:
        UserError: it cannot be read, has none, or has more than an editor should hold.
    """
    path = expanded(name)
    if holds(lambda: path.stat().st_size > MOST_BYTES):
        raise UserError(
            f"{printable(name)} is larger than {size(MOST_BYTES)}; load it as a corpus instead."
        )
    if found := sentences_of(str(path), []):
        return found
    raise UserError(f"{printable(name)} has no sentences: all its lines are empty.")


class SentenceEditor(TextArea):
    """Holds the sentences that the models are asked about; empty lines are none."""

    def __init__(self, text: str) -> None:
        super().__init__(
            text,
            soft_wrap=True,
            show_line_numbers=True,
            tab_behavior="focus",
            placeholder="Type sentences here, one a line.",
        )

    def _set_document(self, text: str, language: str | None) -> None:
        """Hold ``text`` as lines that end where those of a file do."""
        self.document = SentenceDocument(text)
        self.wrapped_document = WrappedDocument(self.document, tab_width=self.indent_width)
        self.navigator = DocumentNavigator(self.wrapped_document)
        self.move_cursor((0, 0))
        self._rewrap_and_refresh_virtual_size()

    # Textual's own two wrap only the part of the text that it takes for changed, which is the wrong
    # one for several edits, and let the old cursor, which may be far below the new end, be looked
    # for as the text scrolls (Textual #6686).

    def _undo_batch(self, edits: Sequence[Edit]) -> None:
        """Undo ``edits``, which are in the order in which they were made."""
        for edit in reversed(edits):
            edit.undo(self)
        self._show_again(edits[0])

    def _redo_batch(self, edits: Sequence[Edit]) -> None:
        """Make ``edits`` again."""
        for edit in edits:
            edit.do(self, record_selection=False)
        self._show_again(edits[-1])

    def _show_again(self, last: Edit) -> None:
        """Wrap the new text, put the cursor where ``last`` wants it, and only then scroll."""
        self.wrapped_document.wrap(self.wrap_width, self.indent_width)
        last.after(self)
        self._rewrap_and_refresh_virtual_size()
        self.post_message(self.Changed(self))

    @property
    def sentences(self) -> list[Sentence]:
        """What stands on the lines that are not empty."""
        return [
            Sentence(number, line.strip())
            for number, line in enumerate(self.document.lines, 1)
            if line.strip()
        ]

    def get_line(self, line_index: int) -> Text:
        """A line as it is shown: the same number of characters, none that steers a terminal."""
        line = self.document.get_line(line_index)
        return Text(printable(line), end="", no_wrap=True)

    async def _on_paste(self, event: Paste) -> None:
        """Paste lines as sentences: a last line end is no sentence of its own."""
        event.prevent_default()
        if self.read_only:
            return
        if result := self._replace_via_keyboard(event.text.rstrip("\r\n"), *self.selection):
            self.move_cursor(result.end_location)
            self.focus()
