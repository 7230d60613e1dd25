"""What lies behind a run: the published card's training log, and how far a run is from it."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from runsondisk import STARTED, create, write

from stplay.errors import UserError
from stplay.jobs.events import Evaluated, MetricsLogged, RunStarted
from stplay.runs import recipe, referencelog
from stplay.runs.referencelog import Reference, reference_of, run_reference
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


def test_another_run_lies_behind_at_the_shares_of_its_whole_length(home: Path) -> None:
    run = write(create("half"), STARTED)  # which ends at step 400
    with pytest.raises(UserError, match="half has measured nothing yet"):
        run_reference(run)
    for step, accuracy in ((100, 0.5), (200, 0.7)):
        evaluated = Evaluated(
            step=step, epoch=0.0, split="dev", data="d", rows=1, max_accuracy=accuracy
        )
        write(run, evaluated)
    reference = run_reference(run)
    assert (reference.name, reference.steps) == ("half", 400)
    found = reference.difference("dev/max_accuracy", 0.6, 0.25)
    assert found is not None
    assert (round(found.value, 3), found.exact) == (0.1, True)
    between = reference.difference("dev/max_accuracy", 0.6, 0.375)
    assert between is not None
    assert (round(between.value, 3), between.exact) == (0.0, False)
    assert reference.difference("dev/max_accuracy", 0.6, 0.75) is None, "it has not come so far"
