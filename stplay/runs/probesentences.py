"""The sentences that a training encodes as it goes on, to see how alike they become."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from stplay.quantities import MOST_PROBES

MOST_PROBE_CHARACTERS = 1000

CARD_SENTENCES = ["a baby smiling", "A baby is unhappy.", "The dog has big ears."]

ProbeSentences = Annotated[
    list[Annotated[str, Meta(pattern=r"\S", max_length=MOST_PROBE_CHARACTERS)]],
    Meta(
        max_length=MOST_PROBES,
        description=f"a list of at most {MOST_PROBES} sentences of at most "
        f'{MOST_PROBE_CHARACTERS:,} characters, such as ["a cat", "a dog"]',
    ),
]
