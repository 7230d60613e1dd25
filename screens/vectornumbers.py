"""All numbers and all tokens of one sentence, to read and to scroll."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from stplay.screens.dialog import Dialog
from stplay.screens.ramp import MUTED
from stplay.screens.vectorview import token_words, vector_words
from stplay.text import printable

COLUMNS = 6


class VectorNumbers(ModalScreen[None]):
    """The vector of a sentence as numbers, each after its dimension."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,i,q,enter", "dismiss(None)", "Back", show=False)
    ]

    def __init__(
        self,
        number: int,
        sentence: str,
        vector: NDArray[np.float32],
        tokens: list[str],
        dropped: int,
    ) -> None:
        super().__init__()
        self.facts = vector_words(number, vector)
        self.sentence = Content(printable(sentence))
        self.tokens = token_words(tokens, dropped)
        self.numbers = Content("\n").join(
            [
                Content("  ").join(
                    [
                        Content.assemble(
                            (f"{place:>4}", MUTED), f"{float(vector[place]):>9.5f}"
                        )
                        for place in range(start, min(start + COLUMNS, len(vector)))
                    ]
                )
                for start in range(0, len(vector), COLUMNS)
            ]
        )

    def compose(self) -> ComposeResult:
        """Facts, then numbers and tokens to scroll through."""
        with Dialog(id="vector-numbers"):
            yield Static(self.facts)
            with VerticalScroll():
                yield Static(self.sentence)
                yield Static(self.tokens)
                yield Static(self.numbers)
