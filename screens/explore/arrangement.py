"""What is in view on Explore: sentences, what models made of them, and how they are looked at."""

from __future__ import annotations

from dataclasses import dataclass

from stplay.encoding.encoded import Encoded
from stplay.encoding.protocol import ModelFacts
from stplay.screens.explore.exportedmatrix import ExportedMatrix
from stplay.screens.explore.grids import grids_of
from stplay.screens.explore.perspective import Perspective
from stplay.screens.explore.sentenceeditor import Sentence
from stplay.screens.explore.vectorview import SentenceVector
from stplay.screens.shared.grid import Grid
from stplay.text import printable


@dataclass(frozen=True, eq=False)  # arrays have no one answer to whether they are equal
class Arrangement:
    """The same sentences as each model sees them, and their grids.

    All that is shown, copied or saved takes names and numbers from the same arrangement, whatever
    is being loaded or typed meanwhile: so no figure can stand under the title of another.
    """

    sentences: list[Sentence]
    answers: list[Encoded]
    perspective: Perspective
    grids: list[Grid]

    @classmethod
    def of(
        cls, sentences: list[Sentence], answers: list[Encoded], perspective: Perspective
    ) -> Arrangement:
        """Arrange what the models made of ``sentences``, of which there are some.

        Raises:
            ValueError: an answer is to other sentences.
        """
        texts = [sentence.text for sentence in sentences]
        if any(answer.sentences != texts for answer in answers):
            raise ValueError("an answer is to other sentences")
        perspective = perspective._replace(chosen=min(perspective.chosen, len(texts) - 1))
        grids = grids_of(sentences, [answer.embeddings for answer in answers], perspective)
        cut = [
            frozenset(place for place, dropped in enumerate(answer.dropped) if dropped)
            for answer in answers
        ]
        cut += [frozenset().union(*cut)]  # of the difference, if there is one
        grids = [grid._replace(cut=places) for grid, places in zip(grids, cut, strict=False)]
        return cls(sentences, answers, perspective, grids)

    @property
    def facts(self) -> list[ModelFacts]:
        """Of the models that answered."""
        return [answer.facts for answer in self.answers]

    @property
    def titles(self) -> list[str]:
        """What each grid shows."""
        if len(self.answers) == 1:
            return [self.perspective.metric]
        names = [printable(answer.model) for answer in self.answers]
        return [*names, f"{self.perspective.metric}, 2 - 1"]

    @property
    def labels(self) -> list[str]:
        """What each grid's value of a pair is."""
        return self.titles if len(self.answers) == 1 else [*self.titles[:-1], "difference"]

    @property
    def order_words(self) -> str:
        """In which order the sentences stand."""
        if self.perspective.order == "by similarity":
            return f"by similarity to {self.sentences[self.perspective.chosen].number}"
        return self.perspective.order

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
    def exported(self) -> ExportedMatrix:
        """The first model's matrix as it leaves the app."""
        return ExportedMatrix.of(self.grids[0], self.answers[0], self.perspective.metric)
