"""An empty place that tells what will be here."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static


class Teaching(Container):
    """A few calm lines in the middle of an empty place."""

    def __init__(self, title: str, text: str) -> None:
        super().__init__()
        self.words = Content.assemble((title, "bold $primary"), "\n\n", text)

    def compose(self) -> ComposeResult:
        """The lines."""
        yield Static(self.words)
