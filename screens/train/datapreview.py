"""The first rows of the chosen data, read by a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stplay import home
from stplay.errors import UserError
from stplay.jobs import process
from stplay.screens.shared.newest import Newest
from stplay.sources import names
from stplay.sources.names import COLUMNS
from stplay.text import count, printable

PATIENCE_SECONDS = 0.4


class PreviewedRows(NamedTuple):
    """The first of the ``rows`` rows, or of all, of the data called ``name``."""

    name: str
    rows: int | None


class DataPreview(Vertical):
    """Shows the triplets that a training on ``name`` would begin with."""

    class Loaded(Message):
        """The number of training rows is known, or, where ``error`` tells why, cannot be."""

        def __init__(self, name: str, rows: int | None, error: str | None) -> None:
            super().__init__()
            self.name = name
            self.rows = rows
            self.error = error

    def __init__(self) -> None:
        super().__init__()
        self._read: Newest[PreviewedRows, dict[str, Any] | None] = Newest(
            self, self._load, self._show_found
        )

    def compose(self) -> ComposeResult:
        """A title, then the triplets."""
        yield Static(id="preview-title")
        with VerticalScroll(can_focus=False):
            yield Static(id="preview-rows")

    def show(self, name: str, rows: int | None) -> None:
        """Show the first of the ``rows`` rows of the data called ``name``."""
        self._read.ask(PreviewedRows(name, rows))

    async def _load(self, asked: PreviewedRows) -> dict[str, Any] | None:
        name, rows = asked
        title = self.query_one("#preview-title", Static)
        title.update(
            Content.assemble(("First rows of ", "dim"), printable(name), ("  reading", "dim"))
        )
        await asyncio.sleep(PATIENCE_SECONDS)  # a name that is still being typed is not read
        data = names.absolute(name, Path.cwd())
        arguments = [data] if rows is None else [data, str(rows)]
        try:
            output = await process.answer(
                "stplay.engine.preview",
                *arguments,
                log=home.cache_folder() / "preview.log",
                title="process that reads the data",
            )
            return msgspec.json.decode(output)
        except (UserError, msgspec.DecodeError) as error:
            # A fault of ours, not of the data: the training may fare better, and tells if not.
            title.update(Content.assemble(("First rows of ", "dim"), printable(name)))
            reason = f" {error.sentence}" if isinstance(error, UserError) else ""
            self.query_one("#preview-rows", Static).update(
                Content(f"The first rows cannot be shown.{reason}")
            )
            self.post_message(self.Loaded(name, None, None))
            return None

    def _show_found(self, asked: PreviewedRows, found: dict[str, Any] | None) -> None:
        if found is None:  # why not was told
            return
        name = asked.name
        title = self.query_one("#preview-title", Static)
        body = self.query_one("#preview-rows", Static)
        facts = [f"{count(found['rows'])} rows"] if found.get("rows") else []
        if found.get("synthetic"):
            facts.append("synthetic: made by a grammar, for trying out")
        if found.get("skipped"):
            facts.append(f"{count(found['skipped'])} with an empty sentence left out")
        title.update(
            Content.assemble(
                ("First rows of ", "dim"), printable(name), (f"  {', '.join(facts)}", "$warning")
            )
        )
        error = found.get("error")
        if error:
            body.update(Content.assemble(("✗ ", "$error"), (printable(error), "$error")))
        else:
            body.update(Content("\n").join(map(self._triplet, found.get("triplets", []))))
        if error:
            self._read.forget()  # the next look may fare better, as a network can come back
        self.post_message(self.Loaded(name, found.get("rows"), error))

    def _triplet(self, sentences: list[str]) -> Content:
        styles = ("", "$success", "$error")
        lines = []
        for column, sentence, style in zip(COLUMNS, sentences, styles, strict=True):
            shown = printable(sentence)
            if cell_len(shown) > 300:
                shown = set_cell_size(shown, 299) + "…"
            lines.append(Content.assemble((f"{column:<9}", style or "bold"), shown, "\n"))
        return Content("").join(lines)
