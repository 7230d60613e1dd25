"""Questions asked over a screen."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, OptionList, Static
from textual.widgets.option_list import Option


class Dialog(Vertical):
    """The box a question stands in."""

    DEFAULT_CSS = """
    Dialog {
        width: 64;
        max-width: 92%;
        height: auto;
        max-height: 80%;
        background: $panel;
        border-left: thick $primary;
        padding: 1 2;

        & > Static, & > VerticalScroll > Static, & > Field {
            margin-bottom: 1;
        }

        & #buttons {
            height: auto;
        }

        & Button {
            margin-right: 2;
        }

        & OptionList, & OptionList:focus {
            background: $panel;
            border: none;
            height: auto;
            max-height: 16;
            padding: 0;
        }
    }
    """


class Question(ModalScreen[bool]):
    """A question with two answers; escape is the second one."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(False)", "No", show=False)]

    def __init__(self, question: str, yes: str, no: str) -> None:
        super().__init__()
        self.question, self.yes, self.no = question, yes, no

    def compose(self) -> ComposeResult:
        """The question and its answers; the harmless one has the focus."""
        with Dialog():
            yield Static(Content(self.question))
            with Horizontal(id="buttons"):
                yield Button(self.no, id="no", variant="primary")
                yield Button(self.yes, id="yes", variant="error")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(event.button.id == "yes")


class Choice(ModalScreen[str | None]):
    """A list to choose one line from; escape chooses none."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    def __init__(self, title: str, options: dict[str, Content]) -> None:
        super().__init__()
        self.heading, self.options = title, options

    def compose(self) -> ComposeResult:
        """The title and the list."""
        with Dialog():
            yield Static(Content.styled(self.heading, "bold"))
            yield OptionList(*(Option(text, id=key) for key, text in self.options.items()))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Choose."""
        self.dismiss(event.option.id)
