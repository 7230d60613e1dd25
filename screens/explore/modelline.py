"""The line that tells which models answer, what is being loaded, and how fast it is."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Static

from stplay.encoding.client import ModelFacts
from stplay.screens.shared.ramp import MUTED
from stplay.text import count, printable


class ModelLine(Horizontal):
    """Names the models whose answers are in view, and what is under way."""

    def __init__(self) -> None:
        super().__init__(id="model-line")

    def compose(self) -> ComposeResult:
        """The models on the left, the speed on the right."""
        yield Static(id="model")
        yield Static(id="speed")

    def show(self, models: Sequence[ModelFacts], under_way: Sequence[str]) -> None:
        """Name ``models``, and what is ``under_way``."""
        parts = [model_words(facts, brief=len(models) > 1) for facts in models]
        parts += [Content.styled(words, "$warning") for words in under_way]
        self.query_one("#model", Static).update(Content("   ").join(parts))

    def tell_speed(self, words: str) -> None:
        """Tell how fast the sentences were encoded, or that they are."""
        self.query_one("#speed", Static).update(Content(words), layout=False)


def model_words(facts: ModelFacts, *, brief: bool) -> Content:
    """A model's name and what is to be known of it; not all of that where ``brief``."""
    about = f"   {count(facts.dimensions)} dimensions"
    if facts.max_tokens and not brief:
        about += f"   up to {count(facts.max_tokens)} tokens"
    if facts.precision != "float32":
        about += f"   {printable(facts.precision)}"
    return Content.assemble((printable(facts.name), "bold"), (about, MUTED))
