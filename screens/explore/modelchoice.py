"""Choosing a model: those at hand, and any name typed."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stplay.errors import UserError
from stplay.runs.modelsathand import OfferedModel
from stplay.screens.shared.complaint import brief
from stplay.screens.shared.dialog import Dialog
from stplay.screens.shared.ramp import MUTED
from stplay.sources.modelsources import model_source
from stplay.text import printable


class ModelChoice(ModalScreen[str | None]):
    """Lists the offered models, narrowed by what is typed.

    What is typed comes first where it names a model itself: it may be part of a listed name.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "Back", show=False),
        Binding("down", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
    ]

    def __init__(self, title: str, offered: list[OfferedModel]) -> None:
        super().__init__()
        self.heading, self.offered = title, offered

    def compose(self) -> ComposeResult:
        """The line to type in, and the list."""
        with Dialog():
            yield Static(Content.styled(self.heading, "bold"))
            yield Input(placeholder="a name, a folder, run:<id>, run:<id>@<step>", compact=True)
            yield Static(id="complaint", classes="complaint")
            yield OptionList()

    def on_mount(self) -> None:
        """List all of them."""
        self._list("")

    def _list(self, typed: str) -> None:
        found = [model for model in self.offered if typed.lower() in model.name.lower()]
        found.sort(key=lambda model: model.name != typed)
        if _names_a_model(typed) and all(model.name != typed for model in found):
            found.insert(0, OfferedModel(typed, "as typed"))
        options = self.query_one(OptionList)
        options.clear_options()
        for model in found:
            words = Content.assemble(printable(model.name), (f"   {model.words}", MUTED))
            options.add_option(Option(words, id=model.name))
        options.highlighted = 0 if found else None
        options.display = bool(found)

    def action_move(self, by: int) -> None:
        """Move in the list while the line keeps the focus."""
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            options.highlighted = max(0, min(options.option_count - 1, options.highlighted + by))

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self.query_one("#complaint", Static).update("")
        self._list(event.value.strip())

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            self.dismiss(options.get_option_at_index(options.highlighted).id)
        elif typed := event.value.strip():
            try:
                model_source(typed)
            except UserError as error:
                self.query_one("#complaint", Static).update(Content(brief(error.sentence)))
                return
            self.dismiss(typed)

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)


def _names_a_model(typed: str) -> bool:
    try:
        model_source(typed)
    except UserError:
        return False
    return True
