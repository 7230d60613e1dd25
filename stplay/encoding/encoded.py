"""Sentences with their embeddings, the model that made them, and what of them it did not read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stplay.encoding.protocol import ModelFacts
from stplay.text import count

MOST_NAMED = 10


class Encoded(NamedTuple):
    """Sentences with their embeddings, of shape ``(sentences, dimensions)``.

    ``facts`` are those of the model that encoded them: whoever shows or saves an answer takes the
    model's name from it. ``tokens`` are those that the model saw of each sentence, as readable text
    and without special tokens; ``dropped`` counts for each those that were cut off. ``seconds`` is
    the time that the encoding itself took, of what was not encoded before.
    """

    facts: ModelFacts
    sentences: list[str]
    embeddings: NDArray[np.float32]
    tokens: list[list[str]]
    dropped: list[int]
    seconds: float

    @property
    def model(self) -> str:
        """The name of the model."""
        return self.facts.name

    @property
    def read(self) -> list[int]:
        """How many tokens of each sentence the model saw."""
        return [len(tokens) for tokens in self.tokens]

    def ordered(self, order: Sequence[int] | NDArray[np.intp]) -> Encoded:
        """The same in another order, or some of them.

        Args:
            order: places of sentences, of shape ``(rows,)``: the new sentences and embeddings.

        Raises:
            IndexError: one of them has no sentence.
        """
        return self._replace(
            sentences=[self.sentences[place] for place in order],
            embeddings=self.embeddings[order],
            tokens=[self.tokens[place] for place in order],
            dropped=[self.dropped[place] for place in order],
        )

    def cut_words(self, numbers: Sequence[int] | None = None) -> str:
        """Which sentences were cut after how many tokens; nothing where none was.

        They are called by their ``numbers``, one for each sentence, or counted from 1 on.
        """
        cut = [place for place, dropped in enumerate(self.dropped) if dropped]
        if not cut:
            return ""
        names = [count(numbers[place] if numbers else place + 1) for place in cut]
        listed = ", ".join(names[:MOST_NAMED]) + (", …" if len(names) > MOST_NAMED else "")
        most = count(max(self.dropped))
        least = count(min(self.dropped[place] for place in cut))
        who, more = f"sentence {listed} was", f"{most} more were"
        if len(cut) > 1:
            who = f"{count(len(cut))} sentences ({listed}) were"
            more = f"{most} more of each were" if least == most else f"{least} to {most} more were"
        return (
            f"{who} cut after {count(max(self.read))} tokens; {more} not read "
            f"({self.model} reads {count(self.facts.max_tokens)}, special ones among them)."
        )


def cut_mark(dropped: int) -> str:
    """What stands after a sentence of which so many tokens were not read."""
    if not dropped:
        return ""
    return f"  [{count(dropped)} {'token' if dropped == 1 else 'tokens'} not read]"
