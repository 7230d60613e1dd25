"""The editor: one sentence a line."""

from __future__ import annotations

from typing import NamedTuple

from rich.text import Text
from textual.events import Paste
from textual.widgets import TextArea

from stplay import sim
from stplay.errors import UserError
from stplay.sources import expanded, holds
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
    if found := sim.sentences_of(str(path), []):
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
