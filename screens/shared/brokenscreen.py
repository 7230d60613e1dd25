"""What stands where a screen broke, and the dialog that tells of it."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar, Protocol, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Static

from stplay.screens.shared.breakage import Breakage
from stplay.screens.shared.dialog import Dialog
from stplay.screens.shared.keyline import KeyLine
from stplay.screens.shared.topbar import TopBar

AGAIN = "r opens it again; n opens it at its beginning, should it break once more."


class Reopener(Protocol):
    """The app as far as it can open a broken screen again."""

    def reopen(self, mode: str, *, afresh: bool = False) -> Awaitable[None]:
        """Open the screen of ``mode`` again; ``afresh``: at its beginning."""
        ...


class BrokenScreen(Screen[None]):
    """Marks the screen of ``mode`` as broken, until it is opened again."""

    DEFAULT_CSS = """
    BrokenScreen > Container {
        align: center middle;

        & > Static {
            width: auto;
            max-width: 72;
            padding: 1 2;
        }
    }
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r,enter", "reopen(False)", "Open again"),
        Binding("n", "reopen(True)", "Open at its beginning"),
    ]

    def __init__(self, mode: str, breakage: Breakage) -> None:
        super().__init__()
        self.mode, self.breakage = mode, breakage

    def compose(self) -> ComposeResult:
        """The frame of every screen, and in it what happened."""
        yield TopBar(self.mode)
        title = "This screen broke. The others go on."
        text = f"\n\n{self.breakage.sentence}\n\n{AGAIN}\n\n{self.breakage.story}"
        with Container(id="room"):
            yield Static(Content.assemble((title, "bold $primary"), text))
        yield KeyLine()

    def action_reopen(self, afresh: bool) -> None:
        """Open the screen again."""
        # Not from here: what fails there is no fault of this screen.
        app = cast("Reopener", self.app)
        self.app.call_later(app.reopen, self.mode, afresh=afresh)


class BreakageDialog(ModalScreen[bool]):
    """Tells what broke; true where it should be opened again."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(False)", "Go on", show=False),
        Binding("r", "again", "Open again", show=False),
    ]

    def __init__(self, breakage: Breakage, *, reopens: bool) -> None:
        super().__init__()
        self.breakage, self.reopens = breakage, reopens

    def compose(self) -> ComposeResult:
        """What broke, where its story is, and what can be done."""
        with Dialog():
            yield Static(Content.styled(self.breakage.sentence, "bold"))
            yield Static(Content(f"Everything else goes on. {self.breakage.story}"))
            with Horizontal(id="buttons"):
                yield Button("Go on", id="no", variant="primary")
                if self.reopens:
                    yield Button("Open it again (r)", id="yes")

    def action_again(self) -> None:
        """Open it again, where it can be."""
        if self.reopens:
            self.dismiss(True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")
