"""The Evaluate screen: a place held for the dev and test triplet evaluation."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from stplay.screens.teaching import Teaching
from stplay.screens.topbar import TopBar


class EvaluateScreen(Screen[None]):
    """Tells what evaluating will look like."""

    def compose(self) -> ComposeResult:
        """The friendly placeholder."""
        yield TopBar("evaluate")
        yield Teaching(
            "Evaluate is not built yet",
            "Here models will meet the all-nli dev and test triplets: cosine, dot, manhattan and "
            "euclidean accuracy side by side with the published card, the triplets a model gets "
            "wrong, and whether two models can be told apart.\n\n"
            "Until then every training run evaluates dev as it goes and test at its end: press 1.",
        )
        yield Footer()
