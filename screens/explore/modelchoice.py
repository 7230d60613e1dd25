"""Choosing a model: those at hand, and any name typed."""

from __future__ import annotations

from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from stplay.errors import UserError
from stplay.runs.modelsathand import OfferedModel
from stplay.screens.shared.dialog import Dialog
from stplay.screens.shared.field import Field
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

    field = getters.query_one(Field)
    options = getters.query_one(OptionList)

    def __init__(self, title: str, offered: list[OfferedModel]) -> None:
        super().__init__()
        self.heading, self.offered = title, offered

    def compose(self) -> ComposeResult:
        """The line to type in, and the list."""
        with Dialog():
            yield Static(Content.styled(self.heading, "bold"))
            placeholder = "a name, a folder, run:<id>, run:<id>@<step>"
            yield Field("", Input(placeholder=placeholder, compact=True))
            yield OptionList()

    def on_mount(self) -> None:
        """List all of them."""
        self._list("")

    def _list(self, typed: str) -> None:
        found = [model for model in self.offered if typed.lower() in model.name.lower()]
        found.sort(key=lambda model: model.name != typed)
        if _names_a_model(typed) and all(model.name != typed for model in found):
            found.insert(0, OfferedModel(typed, "as typed"))
        self.options.clear_options()
        for model in found:
            words = Content.assemble(printable(model.name), (f"   {model.words}", MUTED))
            self.options.add_option(Option(words, id=model.name))
        self.options.highlighted = 0 if found else None
        self.options.display = bool(found)

    def action_move(self, by: int) -> None:
        """Move in the list while the line keeps the focus."""
        if self.options.highlighted is not None:
            self.options.highlighted = max(
                0, min(self.options.option_count - 1, self.options.highlighted + by)
            )

    @on(Field.Changed)
    def _narrow(self, event: Field.Changed) -> None:
        self._list(event.value.strip())

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        if self.options.highlighted is not None:
            self.dismiss(self.options.get_option_at_index(self.options.highlighted).id)
        elif typed := event.value.strip():
            try:
                model_source(typed)
            except UserError as error:
                self.field.complaint = error.sentence
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
