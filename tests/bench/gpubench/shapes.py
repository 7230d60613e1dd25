"""What is trained, and how much of it."""

from __future__ import annotations

from typing import NamedTuple

from cardmodel import LAYERS, Architecture


class Shape(NamedTuple):
    """What is trained: a ``batch`` goes together, or ``mini_batch`` of its sentences, if longest.

    Only what goes together is recorded.
    """

    title: str
    vocabulary: int
    batch: int
    mini_batch: int | None = None
    accumulated: int = 1
    architecture: Architecture = "xlm-roberta"

    @property
    def is_recorded(self) -> bool:
        """Whether its steps are to be recorded."""
        return self.mini_batch is None


class Size(NamedTuple):
    """How much is done: the whole benchmark, or one that only shows that it works.

    Losses of ``equal_steps`` are compared. Of ``timed`` steps, after ``warm_ups``, the median
    counts, and ``watched`` ones tell where the host waits. ``batches`` are tried with and without
    recording. A run of the card takes ``card_steps`` of the ``card_triplets``, and is evaluated
    every ``card_evaluated`` of them.
    """

    shapes: tuple[Shape, ...]
    equal: tuple[Shape, ...]
    layers: int
    equal_steps: int
    warm_ups: int
    timed: int
    watched: int
    dev_rows: int
    encoded: int
    batches: tuple[int, ...]
    card_triplets: int
    card_steps: int
    card_evaluated: int

    @property
    def card(self) -> Shape:
        """The shape of the reference card."""
        return self.shapes[0]

    @property
    def large(self) -> Shape:
        """The shape of the largest batch."""
        return max(self.shapes, key=lambda shape: shape.batch)

    @property
    def smallest(self) -> Shape:
        """The shape of the fewest embeddings."""
        return min(self.shapes, key=lambda shape: shape.vocabulary)


CARD = Shape("the card: vocabulary 250,002, 16 triplets", 250_002, 16)
SMALLER = Shape("the same, vocabulary 30,522", 30_522, 16)
LARGE = Shape("batch 256, mini-batch 32, vocabulary 250,002", 250_002, 256, 32)
WHOLE = Size(
    shapes=(CARD, SMALLER, LARGE),
    equal=(
        CARD,
        LARGE,
        Shape("16 triplets, 4 batches a step", 30_522, 16, accumulated=4),
        Shape("BERT, 16 triplets", 30_522, 16, architecture="bert"),
        Shape("MPNet, 16 triplets", 30_522, 16, architecture="mpnet"),
    ),
    layers=LAYERS,
    equal_steps=20,
    warm_ups=25,
    timed=40,
    watched=5,
    dev_rows=1000,
    encoded=10_000,
    batches=(16, 64, 128, 256, 512),
    card_triplets=100_000,
    card_steps=1000,
    card_evaluated=100,
)
TINY = Size(
    shapes=(Shape("16 triplets", 9000, 16), Shape("batch 64, mini-batch 8", 9000, 64, 8)),
    equal=(
        Shape("16 triplets", 9000, 16),
        Shape("batch 64, mini-batch 8", 9000, 64, 8),
        Shape("8 triplets, 2 batches a step", 9000, 8, accumulated=2),
        Shape("BERT, 8 triplets", 9000, 8, architecture="bert"),
        Shape("MPNet, 8 triplets", 9000, 8, architecture="mpnet"),
    ),
    layers=1,
    equal_steps=8,
    warm_ups=6,
    timed=4,
    watched=1,
    dev_rows=40,
    encoded=200,
    batches=(8, 16),
    card_triplets=400,
    card_steps=12,
    card_evaluated=4,
)
