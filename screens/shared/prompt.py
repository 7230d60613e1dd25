"""A line asked for over a screen: a path, a name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from stplay.errors import UserError
from stplay.screens.shared.dialog import Dialog
from stplay.screens.shared.field import Field


class Prompt(ModalScreen[str | None]):
    """Asks for one line and checks it before it is taken; escape takes nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss(None)", "Back", show=False)]

    field = getters.query_one(Field)

    def __init__(
        self,
        title: str,
        hint: str,
        value: str = "",
        check: Callable[[str], object] = lambda value: None,
        *,
        may_be_empty: bool = False,
        suggestions: Sequence[str] = (),
    ) -> None:
        """``suggestions`` are offered as one types; the arrow to the right takes one."""
        super().__init__()
        self._suggester = SuggestFromList(suggestions, case_sensitive=False)
        self._may_be_empty = may_be_empty
        self.heading, self.hint, self.value, self._check = title, hint, value, check

    def compose(self) -> ComposeResult:
        """The title, the line, and what can stand in it."""
        with Dialog():
            yield Static(Content.styled(self.heading, "bold"))
            entry = Input(
                self.value, compact=True, select_on_focus=False, suggester=self._suggester
            )
            yield Field("", entry, self.hint)

    @on(Input.Submitted)
    def _take(self, event: Input.Submitted) -> None:
        value = event.value.strip()
        if not (value or self._may_be_empty):
            return
        try:
            self._check(value)
        except UserError as error:
            self.field.complaint = error.sentence
            return
        self.dismiss(value)
