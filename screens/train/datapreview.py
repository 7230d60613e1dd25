"""The first rows of the chosen data, read by a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len, set_cell_size
from textual import getters
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stplay.errors import UserError
from stplay.jobs.process import RefusalError
from stplay.screens.shared.newest import Newest
from stplay.sources import firstrows
from stplay.sources.datasources import COLUMNS, OwnNames
from stplay.sources.firstrows import FirstRows
from stplay.text import count, printable

PATIENCE_SECONDS = 0.4


class PreviewedRows(NamedTuple):
    """The first of the ``rows`` rows, or of all, of the data called ``name``.

    ``columns`` are its own names of those that have no usual one.
    """

    name: str
    rows: int | None
    columns: OwnNames | None


class DataPreview(Vertical):
    """Shows the triplets that a training on ``name`` would begin with."""

    @dataclass
    class Loaded(Message):
        """The number of training rows is known, or, where ``error`` tells why, cannot be."""

        name: str
        rows: int | None
        error: str | None
        negatives: int = 1

        def can_replace(self, message: Message) -> bool:
            """Only the newest counts."""
            return isinstance(message, DataPreview.Loaded)

    title_line = getters.query_one("#preview-title", Static)
    rows_text = getters.query_one("#preview-rows", Static)

    def __init__(self) -> None:
        super().__init__()
        self._read: Newest[PreviewedRows, FirstRows | UserError] = Newest(
            self, self._load, self._show_read
        )

    def compose(self) -> ComposeResult:
        """A title, then the triplets."""
        yield Static(id="preview-title")
        with VerticalScroll(can_focus=False):
            yield Static(id="preview-rows")

    def show(self, name: str, rows: int | None, columns: OwnNames | None) -> None:
        """Show the first of the ``rows`` rows of the data called ``name`` by its ``columns``."""
        self._read.ask(PreviewedRows(name, rows, columns))

    async def _load(self, asked: PreviewedRows) -> FirstRows | UserError:
        self._tell(asked.name, ("  reading", "dim"))
        await asyncio.sleep(PATIENCE_SECONDS)  # a name that is still being typed is not read
        try:
            return await firstrows.read(*asked)
        except UserError as error:
            return error

    def _show_read(self, asked: PreviewedRows, found: FirstRows | UserError) -> None:
        match found:
            case RefusalError():
                self._tell(asked.name)
                self.rows_text.update(Content.styled(f"✗ {found.sentence}", "$error"))
                self.post_message(self.Loaded(asked.name, None, found.sentence))
                self._read.forget()  # the next look may fare better, as a network can come back
            case UserError():
                # A fault of ours, not of the data: the training may fare better, and tells if not.
                self._tell(asked.name)
                self.rows_text.update(Content(f"The first rows cannot be shown. {found.sentence}"))
                self.post_message(self.Loaded(asked.name, None, None))
            case FirstRows():
                facts = [f"{count(found.rows)} rows"] if found.rows else []
                if found.synthetic:
                    facts.append("synthetic: made by a grammar, for trying out")
                if found.skipped:
                    facts.append(f"{count(found.skipped)} with an empty sentence left out")
                facts += map(printable, found.remarks)
                self._tell(asked.name, (f"  {', '.join(facts)}", "$warning"))
                self.rows_text.update(Content("\n").join(map(self._triplet, found.triplets)))
                self.post_message(self.Loaded(asked.name, found.rows, None, found.negatives))

    def _tell(self, name: str, *facts: tuple[str, str]) -> None:
        self.title_line.update(Content.assemble(("First rows of ", "dim"), printable(name), *facts))

    def _triplet(self, sentences: Sequence[str]) -> Content:
        styles = ("", "$success", "$error")
        lines = []
        for column, sentence, style in zip(COLUMNS, sentences, styles, strict=False):
            shown = printable(sentence)
            if cell_len(shown) > 300:
                shown = set_cell_size(shown, 299) + "…"
            lines.append(Content.assemble((f"{column:<9}", style or "bold"), shown, "\n"))
        if len(sentences) > len(COLUMNS):
            more = f"{'':<9}and {count(len(sentences) - len(COLUMNS))} more negatives\n"
            lines.append(Content.styled(more, "dim"))
        return Content("").join(lines)
