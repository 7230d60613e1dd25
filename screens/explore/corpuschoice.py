"""Choosing a corpus: a file or data set, and its column."""

from __future__ import annotations

from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from stplay.screens.shared.dialog import Dialog
from stplay.screens.shared.field import Field

HINT = (
    "A text file with one sentence a line, a .jsonl, .csv, .tsv or .parquet file, builtin:sample, "
    "all-nli or another data set. The column may be left out where there is only one."
)


class CorpusChoice(ModalScreen[tuple[str, str | None] | None]):
    """Asks where the corpus is and in which column; escape chooses none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    source = getters.query_one("#corpus-source", Input)
    column = getters.query_one("#corpus-column", Input)

    def compose(self) -> ComposeResult:
        """Two lines to fill in."""
        with Dialog():
            yield Static(Content.styled("Whose sentences are the neighbours?", "bold"))
            yield Field("", Input(placeholder="file or data", compact=True, id="corpus-source"))
            yield Field("", Input(placeholder="column", compact=True, id="corpus-column"), HINT)

    @on(Input.Submitted)
    def _take(self) -> None:
        if source := self.source.value.strip():
            self.dismiss((source, self.column.value.strip() or None))
