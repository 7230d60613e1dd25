"""What the models make of the sentences, in three ways of which one is in view."""

from __future__ import annotations

from typing import Literal

from textual import getters, work
from textual.app import ComposeResult
from textual.reactive import var
from textual.widgets import ContentSwitcher

from stplay.encoding.client import Encoder
from stplay.screens.explore.arrangement import Arrangement
from stplay.screens.explore.corpuschoice import CorpusChoice
from stplay.screens.explore.corpusview import CorpusView
from stplay.screens.explore.mapview import MapView
from stplay.screens.explore.matrices import Matrices

Shown = Literal["matrices", "map", "corpus"]


class Answers(ContentSwitcher):
    """The matrices, the map or the neighbours in a corpus."""

    encoder: var[Encoder | None] = var(None)
    arrangement: var[Arrangement | None] = var(None)
    pair: var[tuple[int, int]] = var((0, 0))
    awaited: var[str] = var("")

    matrices = getters.query_one(Matrices)
    map = getters.query_one(MapView)
    corpus = getters.query_one(CorpusView)

    def __init__(self) -> None:
        super().__init__(initial="matrices", id="answers")

    def compose(self) -> ComposeResult:
        """All three of them."""
        seen = Answers.arrangement, Answers.pair, Answers.awaited
        yield Matrices().data_bind(*seen)
        yield MapView().data_bind(*seen)
        yield CorpusView().data_bind(Answers.encoder, *seen)

    @property
    def shown(self) -> Shown:
        """Which of them is in view."""
        return self.current  # type: ignore[return-value]

    def show(self, shown: Shown) -> None:
        """Bring one of them into view."""
        self.current = shown
        self.refresh_bindings()

    def toggle(self, shown: Shown) -> None:
        """Bring the map or the corpus into view, or the matrices back."""
        if self.shown == shown:
            self.show("matrices")
        elif shown == "corpus" and not self.corpus.source:
            self.choose_corpus()
        else:
            self.show(shown)

    @work
    async def choose_corpus(self) -> None:
        """Ask for a file or data set to look for neighbours in."""
        if chosen := await self.app.push_screen_wait(CorpusChoice()):
            self.load_corpus(*chosen)

    def load_corpus(self, source: str, column: str | None) -> None:
        """List neighbours out of the corpus ``source`` from now on."""
        self.corpus.choose(source, column)
        self.show("corpus")
