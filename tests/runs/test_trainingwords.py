"""What a run and its stages do, in words."""

from __future__ import annotations

import pytest

from stplay.jobs.events import (
    Engine,
    StageProgressed,
)
from stplay.jobs.worklog import stage_words
from stplay.runs.traininglog import (
    engine_words,
)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        (StageProgressed(stage="saving the model"), "saving the model"),
        (
            StageProgressed(stage="evaluating x", done=640, total=1000, unit="sentences"),
            "evaluating x: 640 of 1,000 sentences",
        ),
        (StageProgressed(stage="reading", done=1200, unit="rows"), "reading: 1,200 rows"),
        (StageProgressed(stage="reading", done=0, total=4), "reading: 0 of 4"),
        (
            StageProgressed(stage="downloading", done=3 << 20, total=1 << 30, unit="bytes"),
            "downloading: 3.0 MiB of 1.0 GiB",
        ),
        (StageProgressed(stage="downloading", done=512, unit="bytes"), "downloading: 512 B"),
        (StageProgressed(stage="a\x1b[31m", done=1, unit="\x07"), "a�[31m: 1 �"),
    ],
)
def test_stage_words(stage: StageProgressed, words: str):
    assert stage_words(stage) == words


def engine(**settings: int | None) -> Engine:
    return Engine(name="fast", **settings)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (None, ""),
        (Engine(name="stock"), "the library's own path"),
        (
            engine(most_tokens=800, batch_tokens=700, largest_batch_tokens=800),
            "one forward a step",
        ),
        (
            engine(most_tokens=750, batch_tokens=700, largest_batch_tokens=800, vocabulary_rows=7),
            "mostly one forward a step, 7 rows of the vocabulary",
        ),
        (
            engine(
                most_tokens=600, batch_tokens=700, largest_batch_tokens=800, vocabulary_rows=9999
            ),
            "gradient caching by 600 tokens, 9,999 rows of the vocabulary",
        ),
    ],
)
def test_how_the_steps_go_in_words(told: Engine | None, words: str) -> None:
    assert engine_words(told) == words
