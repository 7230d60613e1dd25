"""What a person looks at in evaluations, and what is read from the disk for it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

from stplay.errors import UserError
from stplay.evaluations import breakdown
from stplay.evaluations.results import EvaluatedSplit, Scores, Triplets
from stplay.evaluations.sidebyside import Contender
from stplay.evaluations.significance import compare
from stplay.evaluations.wrongtriplets import WrongTriplets
from stplay.screens.evaluate.accuracytable import MOST_COLUMNS
from stplay.similarities import SIMILARITIES


class Look(NamedTuple):
    """What figures are of: these models, on this split, judged by this similarity."""

    contenders: tuple[Contender, ...]
    split: str
    similarity: str = SIMILARITIES[0]

    @property
    def splits(self) -> Sequence[EvaluatedSplit]:
        """All splits there are to look at."""
        return self.contenders[0].summary.splits

    @property
    def rows(self) -> EvaluatedSplit:
        """The facts of the split."""
        return next(split for split in self.splits if split.split == self.split)


class Wanted(NamedTuple):
    """Which wrong triplets are listed: of the model ``shown``, those that ``other`` gets right."""

    look: Look
    shown: int = 0
    other: int | None = None
    text: str = ""

    @property
    def contender(self) -> Contender:
        """The model whose wrong triplets they are."""
        return self.look.contenders[self.shown]

    @property
    def better(self) -> Contender | None:
        """The model that has to be right."""
        return None if self.other is None else self.look.contenders[self.other]

    def by_next_similarity(self) -> Wanted:
        """The same, judged by the next similarity."""
        following = _next(SIMILARITIES, self.look.similarity)
        return self._replace(look=self.look._replace(similarity=following))

    def on_next_split(self) -> Wanted:
        """The same on the next split."""
        following = _next([split.split for split in self.look.splits], self.look.split)
        return self._replace(look=self.look._replace(split=following))

    def of_next_model(self) -> Wanted:
        """What the next model judges wrong, whoever is right."""
        return self._replace(shown=(self.shown + 1) % len(self.look.contenders), other=None)

    def with_next_other_right(self) -> Wanted:
        """What another model judges right, one after the other, and after the last whoever does."""
        after = -1 if self.other is None else self.other
        others = range(after + 1, len(self.look.contenders))
        return self._replace(other=next((each for each in others if each != self.shown), None))


def _next(choices: Sequence[str], chosen: str) -> str:
    return choices[(choices.index(chosen) + 1) % len(choices)]


class Figures(NamedTuple):
    """What was read and computed for a look; ``scores`` and so on hold one for each model."""

    triplets: Triplets
    scores: list[Scores]
    comparisons: list[str]
    histograms: list[list[breakdown.Bin]]
    lengths: list[breakdown.Group]
    sources: list[breakdown.Group]

    def wrong(self, wanted: Wanted) -> WrongTriplets:
        """The triplets to list."""
        return WrongTriplets(
            self.triplets,
            self.scores[wanted.shown],
            wanted.look.similarity,
            None if wanted.other is None else self.scores[wanted.other],
            wanted.text,
        )


# What was read for a look; nothing as long as it is being read.
Found = Figures | UserError | None


def read(look: Look) -> Figures | UserError:
    """Read the files that a look needs, or tell why they cannot be read."""
    chosen, similarity = look.contenders, look.similarity
    try:
        triplets = chosen[0].evaluation.triplets(look.split)
        scores = [contender.scores(look.split) for contender in chosen]
    except UserError as error:
        return error
    rights = [each.right(similarity) for each in scores]
    pairs = combinations(range(len(chosen)), 2) if len(chosen) <= MOST_COLUMNS else []
    return Figures(
        triplets,
        scores,
        [compare(rights[a], rights[b]).words(chosen[a].letter, chosen[b].letter) for a, b in pairs],
        [breakdown.histogram(each.margins(similarity)) for each in scores],
        breakdown.by_length(triplets.words, rights),
        breakdown.by_source(triplets.sources, rights),
    )
