"""The first rows of the chosen data, read by a process of its own."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.cells import cell_len, set_cell_size
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stplay import home
from stplay.errors import UserError
from stplay.jobs import process
from stplay.sources import names
from stplay.sources.names import COLUMNS
from stplay.text import count, printable

PATIENCE_SECONDS = 0.4


class DataPreview(Vertical):
    """Shows the triplets that a training on ``name`` would begin with."""

    @dataclass
    class Loaded(Message):
        """The number of training rows is known, or, where ``error`` tells why, cannot be."""

        name: str
        rows: int | None
        error: str | None

        def can_replace(self, message: Message) -> bool:
            """Only the newest counts."""
            return isinstance(message, DataPreview.Loaded)

    def __init__(self) -> None:
        super().__init__()
        self._asked: tuple[str, int | None] | None = None

    def compose(self) -> ComposeResult:
        """A title, then the triplets."""
        yield Static(id="preview-title")
        with VerticalScroll(can_focus=False):
            yield Static(id="preview-rows")

    def show(self, name: str, rows: int | None) -> None:
        """Show the first of the ``rows`` rows of the data called ``name``."""
        if (name, rows) != self._asked:
            self._asked = (name, rows)
            self._load(name, rows)

    @work(exclusive=True)
    async def _load(self, name: str, rows: int | None) -> None:
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
            found = msgspec.json.decode(output)
        except (UserError, msgspec.DecodeError) as error:
            # A fault of ours, not of the data: the training may fare better, and tells if not.
            title.update(Content.assemble(("First rows of ", "dim"), printable(name)))
            reason = f" {error.sentence}" if isinstance(error, UserError) else ""
            self.query_one("#preview-rows", Static).update(
                Content(f"The first rows cannot be shown.{reason}")
            )
            self.post_message(self.Loaded(name, None, None))
            return
        self._show_found(name, found)

    def _show_found(self, name: str, found: dict[str, Any]) -> None:
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
            self._asked = None  # the next look may fare better, as a network can come back
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
