"""The line that tells which models answer, what is being loaded, and how fast it is."""

from __future__ import annotations

from textual import getters
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.reactive import var
from textual.widgets import Static

from stplay.encoding.client import ModelFacts
from stplay.screens.shared.ramp import MUTED
from stplay.text import count, printable


class ModelLine(Horizontal):
    """Names the models whose answers are in view, what is under way, and the speed."""

    facts: var[tuple[ModelFacts, ...]] = var(())
    under_way: var[tuple[str, ...]] = var(())
    speed: var[str] = var("")

    left = getters.query_one("#model", Static)
    right = getters.query_one("#speed", Static)

    def __init__(self) -> None:
        super().__init__(id="model-line")

    def compose(self) -> ComposeResult:
        """The models on the left, the speed on the right."""
        yield Static(id="model")
        yield Static(id="speed")

    def watch_facts(self) -> None:
        """Name the models."""
        self._tell()

    def watch_under_way(self) -> None:
        """Tell what is under way."""
        self._tell()

    def _tell(self) -> None:
        parts = [model_words(facts, brief=len(self.facts) > 1) for facts in self.facts]
        parts += [Content.styled(words, "$warning") for words in self.under_way]
        self.left.update(Content("   ").join(parts))

    def watch_speed(self, words: str) -> None:
        """Tell how fast the sentences were encoded."""
        self.right.update(Content(words), layout=False)


def model_words(facts: ModelFacts, *, brief: bool) -> Content:
    """A model's name and what is to be known of it; not all of that where ``brief``."""
    about = f"   {count(facts.dimensions)} dimensions"
    if facts.max_tokens and not brief:
        about += f"   up to {count(facts.max_tokens)} tokens"
    if facts.precision != "float32":
        about += f"   {printable(facts.precision)}"
    return Content.assemble((printable(facts.name), "bold"), (about, MUTED))
