"""The Explore screen: a place held for sentences, vectors and their cosine matrix."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from stplay.screens.teaching import Teaching
from stplay.screens.topbar import TopBar


class ExploreScreen(Screen[None]):
    """Tells what exploring will look like."""

    def compose(self) -> ComposeResult:
        """The friendly placeholder."""
        yield TopBar("explore")
        yield Teaching(
            "Explore is not built yet",
            "Here you will type sentences and watch their 384-dimensional embeddings answer: the "
            "cosine matrix as a heat map, the vectors, a map, two models next to each other.\n\n"
            "Until then, train a model to explore: press 1.",
        )
        yield Footer()
