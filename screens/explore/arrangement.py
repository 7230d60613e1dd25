"""What is in view on Explore: sentences, what models made of them, and how they are looked at."""

from __future__ import annotations

from typing import NamedTuple

from stplay.encoding.encoded import Encoded
from stplay.screens.explore.grids import View, grids
from stplay.screens.explore.matrix import Grid
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.explore.table import Table
from stplay.screens.explore.vectorview import SentenceVector
from stplay.text import printable


class Arrangement(NamedTuple):
    """The same sentences as each model sees them, and their grids.

    All that is shown, copied or saved takes names and numbers from the same arrangement, whatever
    is being loaded or typed meanwhile: so no figure can stand under the title of another.
    """

    sentences: list[Sentence]
    answers: list[Encoded]
    view: View
    grids: list[Grid]

    @classmethod
    def of(cls, sentences: list[Sentence], answers: list[Encoded], view: View) -> Arrangement:
        """Arrange what the models made of ``sentences``, of which there are some.

        Raises:
            ValueError: an answer is to other sentences.
        """
        texts = [sentence.text for sentence in sentences]
        if any(answer.sentences != texts for answer in answers):
            raise ValueError("an answer is to other sentences")
        view = view._replace(chosen=min(view.chosen, len(texts) - 1))
        shown = grids(sentences, [answer.embeddings for answer in answers], view)
        cut = [
            frozenset(place for place, dropped in enumerate(answer.dropped) if dropped)
            for answer in answers
        ]
        cut += [frozenset().union(*cut)]  # of the difference, if there is one
        shown = [grid._replace(cut=places) for grid, places in zip(shown, cut, strict=False)]
        return cls(sentences, answers, view, shown)

    @property
    def titles(self) -> list[str]:
        """What each grid shows."""
        if len(self.answers) == 1:
            return [self.view.metric]
        names = [printable(answer.model) for answer in self.answers]
        return [*names, f"{self.view.metric}, 2 - 1"]

    @property
    def labels(self) -> list[str]:
        """What each grid's value of a pair is."""
        return self.titles if len(self.answers) == 1 else [*self.titles[:-1], "difference"]

    @property
    def order_words(self) -> str:
        """In which order the sentences stand."""
        if self.view.order == "by similarity":
            return f"by similarity to {self.sentences[self.view.chosen].number}"
        return self.view.order

    @property
    def cut_words(self) -> list[str]:
        """What was not read of the sentences, model by model."""
        numbers = [sentence.number for sentence in self.sentences]
        return [words for answer in self.answers if (words := answer.cut_words(numbers))]

    def vector(self, place: int) -> SentenceVector:
        """The sentence at ``place`` as the first model sees it."""
        answer = self.answers[0]
        return SentenceVector(
            self.sentences[place],
            answer.model,
            answer.embeddings[place],
            answer.tokens[place],
            answer.dropped[place],
        )

    @property
    def table(self) -> Table:
        """The first model's matrix as it is shown."""
        return Table.of(self.grids[0], self.answers[0], self.view.metric)
