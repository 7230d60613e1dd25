"""The first rows of the chosen data, read by a process of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual import work
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from stplay.errors import UserError
from stplay.jobs.process import RefusalError
from stplay.sources import firstrows
from stplay.sources.datasources import COLUMNS
from stplay.sources.firstrows import FirstRows
from stplay.text import count, printable

PATIENCE_SECONDS = 0.4


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
        try:
            self._show_found(name, await firstrows.read(name, rows))
        except RefusalError as error:
            self._asked = None  # the next look may fare better, as a network can come back
            self._show_none(name, Content.styled(f"✗ {error.sentence}", "$error"))
            self.post_message(self.Loaded(name, None, error.sentence))
        except UserError as error:
            # A fault of ours, not of the data: the training may fare better, and tells if not.
            self._show_none(name, Content(f"The first rows cannot be shown. {error.sentence}"))
            self.post_message(self.Loaded(name, None, None))

    def _show_found(self, name: str, found: FirstRows) -> None:
        facts = [f"{count(found.rows)} rows"] if found.rows else []
        if found.synthetic:
            facts.append("synthetic: made by a grammar, for trying out")
        if found.skipped:
            facts.append(f"{count(found.skipped)} with an empty sentence left out")
        self.query_one("#preview-title", Static).update(
            Content.assemble(
                ("First rows of ", "dim"), printable(name), (f"  {', '.join(facts)}", "$warning")
            )
        )
        rows = Content("\n").join(map(self._triplet, found.triplets))
        self.query_one("#preview-rows", Static).update(rows)
        self.post_message(self.Loaded(name, found.rows, None))

    def _show_none(self, name: str, why: Content) -> None:
        title = Content.assemble(("First rows of ", "dim"), printable(name))
        self.query_one("#preview-title", Static).update(title)
        self.query_one("#preview-rows", Static).update(why)

    def _triplet(self, sentences: Sequence[str]) -> Content:
        styles = ("", "$success", "$error")
        lines = []
        for column, sentence, style in zip(COLUMNS, sentences, styles, strict=True):
            shown = printable(sentence)
            if cell_len(shown) > 300:
                shown = set_cell_size(shown, 299) + "…"
            lines.append(Content.assemble((f"{column:<9}", style or "bold"), shown, "\n"))
        return Content("").join(lines)
