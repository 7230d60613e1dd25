"""All numbers and all tokens of one sentence, to read and to scroll."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stplay.screens.explore.vectorview import SentenceVector, token_words, vector_words
from stplay.screens.shared.dialog import Dialog
from stplay.screens.shared.ramp import MUTED
from stplay.text import printable

WIDEST = 96
NUMBER_WIDTH = 16


class VectorNumbers(ModalScreen[None]):
    """The vector of a sentence as numbers, each after its dimension."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,i,q,enter", "dismiss(None)", "Back", show=False)
    ]

    def __init__(self, shown: SentenceVector) -> None:
        super().__init__()
        self.facts = vector_words(shown, named=True)
        self.sentence = Content(printable(shown.sentence.text))
        self.tokens = token_words(shown)
        self.vector = shown.vector

    def _numbers(self) -> Content:
        vector = self.vector
        columns = max(1, (min(WIDEST, self.app.size.width * 9 // 10) - 8) // NUMBER_WIDTH)
        return Content("\n").join(
            [
                Content("  ").join(
                    [
                        Content.assemble((f"{place:>4}", MUTED), f"{float(vector[place]):>9.5f}")
                        for place in range(start, min(start + columns, len(vector)))
                    ]
                )
                for start in range(0, len(vector), columns)
            ]
        )

    def compose(self) -> ComposeResult:
        """Facts, then numbers and tokens to scroll through."""
        with Dialog(id="vector-numbers"):
            yield Static(self.facts)
            with VerticalScroll():
                yield Static(self.sentence)
                yield Static(self.tokens)
                yield Static(self._numbers())
