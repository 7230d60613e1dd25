"""What lies behind a run: the published card's training log, and how far a run is from it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from stplay.jobs.events import MetricsLogged, RunStarted
from stplay.runs import recipe, referencelog
from stplay.runs.referencelog import Reference, reference_of
from stplay.runs.series import SeriesLog


def started(data: dict[str, Any]) -> RunStarted:
    return RunStarted(
        recipe={"data": data},
        base="",
        device="",
        precision="float32",
        versions={},
        rows={},
        total_steps=1,
        parameters=1,
    )


def test_the_card_is_the_published_one(card: Path) -> None:
    ours = resources.files("stplay.assets") / "card-training-log.csv"
    assert ours.read_text(encoding="utf-8") == (card / "training-log.csv").read_text("utf-8")


def test_the_cards_series() -> None:
    published = referencelog.card()
    assert (published.name, published.steps) == ("card", 6250)
    assert sorted(published.series.names()) == [
        "dev/loss",
        "dev/max_accuracy",
        "test/max_accuracy",
        "train/loss",
    ]
    found = {point.step: point.value for point in published.series["dev/max_accuracy"]}
    assert (found[0], found[100], found[6200], len(found)) == (0.541, 0.558, 0.849, 63)
    assert next(iter(published.series["test/max_accuracy"]))[:2] == (0, 6250)


def test_it_lies_behind_runs_on_the_cards_data() -> None:
    assert reference_of(None) is None
    assert reference_of(started(recipe.load("all-nli").to_dict()["data"])) is referencelog.card()
    assert reference_of(started(recipe.load("sample").to_dict()["data"])) is None
    assert reference_of(started({"train": "all-nli", "dev": "mine.jsonl"})) is None


@pytest.mark.parametrize(
    ("share", "value", "difference", "exact"),
    [
        (0.0, 1.0, 0.5, True),
        (0.5, 1.0, 0.3, True),
        (0.25, 1.0, 0.4, False),
        (0.9, 0.5, -0.28, False),
    ],
)
def test_a_difference_is_taken_at_the_same_share(
    share: float, value: float, difference: float, exact: bool
) -> None:
    series = SeriesLog()
    for step, accuracy in ((0, 0.5), (50, 0.7), (100, 0.8)):
        values: dict[str, float | None] = {"dev/max_accuracy": accuracy}
        series.apply(MetricsLogged(step=step, values=values))
    found = Reference("other", series, 100).difference("dev/max_accuracy", value, share)
    assert found is not None
    assert found.value == pytest.approx(difference)
    assert found.exact == exact


def test_outside_of_what_it_measured_there_is_no_difference() -> None:
    published = referencelog.card()
    assert published.difference("dev/max_accuracy", 0.8, 1.0) is None
    assert published.difference("train/loss", 3.0, 0.0) is None
