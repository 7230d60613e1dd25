"""Whether a run is to stop, and when."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from stplay.jobs.events import Control
from stplay.screens.shared.dialog import Dialog
from stplay.text import printable

QUESTION = (
    "Stop {}, after the step it is at or at the end of its epoch? It saves a checkpoint and can "
    "go on later."
)
ANSWERS: dict[str, Control] = {"now": "stop", "after-epoch": "stop after epoch"}


class StopQuestion(ModalScreen[Control | None]):
    """Stop now, after the epoch, or, as escape means too, not at all."""

    DEFAULT_CSS = """
    StopQuestion #now {
        min-width: 9;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Keep training", show=False)
    ]

    def __init__(self, run: str) -> None:
        super().__init__()
        self.run = run

    def compose(self) -> ComposeResult:
        """The question and its answers; the harmless one has the focus."""
        with Dialog():
            yield Static(Content(QUESTION.format(printable(self.run))))
            with Horizontal(id="buttons"):
                yield Button("Keep training", id="keep", variant="primary")
                yield Button("Now", id="now", variant="error")
                yield Button("After this epoch", id="after-epoch", variant="error")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(ANSWERS.get(str(event.button.id)))
