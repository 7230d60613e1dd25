"""The rows of the training log, made of what is kept elsewhere, however many there are."""

from __future__ import annotations

import random
from typing import Literal

import pytest

from stplay.jobs.events import Evaluated, Event, RunResumed, StageProgressed, TrainLogged
from stplay.runs.traininglog import TrainingLog
from stplay.runs.trainingrows import TrainingRow


def logged(step: int, loss: float | None = 1.0) -> TrainLogged:
    return TrainLogged(time=float(step), step=step, epoch=step / 10, loss=loss, learning_rate=0)


def evaluated(step: int, accuracy: float = 0.5, split: Literal["dev", "test"] = "dev") -> Evaluated:
    return Evaluated(
        time=float(step), step=step, epoch=step / 10, split=split, data="", rows=1, loss=2.0,
        max_accuracy=accuracy,
    )  # fmt: skip


def log_of(*events: Event) -> TrainingLog:
    log = TrainingLog()
    log.fold(events)
    return log


def test_what_was_logged_and_what_was_evaluated_at_a_step_is_one_row() -> None:
    log = log_of(evaluated(0), logged(1), logged(2, None), evaluated(2), evaluated(2, 0.7, "test"))
    assert log.table() == [
        TrainingRow(0, 0.0, None, 2.0, 0.5, None),
        TrainingRow(1, 0.1, 1.0, None, None, None),
        TrainingRow(2, 0.2, None, 2.0, 0.5, 0.7),
    ]
    assert (list(log.rows), log.rows[1], log.rows.place(2)) == ([0, 1, 2], log.table()[1], 2)
    assert 3 not in log.rows


def test_steps_in_no_order_are_rows_in_order_the_newest_word_on_each() -> None:
    log = log_of(logged(5), logged(3, 3.0), evaluated(4), logged(5, 5.0), logged(6), logged(4, 4.0))
    assert [(row.step, row.training_loss) for row in log.table()] == [
        (3, 3),
        (4, 4),
        (5, 5),
        (6, 1),
    ]
    log.apply(RunResumed(step=4))
    assert [row.step for row in log.table()] == [3, 4]


@pytest.mark.parametrize("seed", range(20))
def test_together_is_as_one_by_one(seed: int) -> None:
    drawn = random.Random(seed)
    events: list[Event] = []
    step = 0
    for _ in range(200):
        step += 1
        match drawn.randrange(12):
            case 0:
                events.append(evaluated(step, drawn.random()))
            case 1:
                step = drawn.randrange(step)
                events.append(RunResumed(time=float(step), step=step))
            case 2:
                events.append(StageProgressed(time=float(step), stage="training", done=step))
            case 3:
                events.append(logged(step, None))
            case 4:
                events.append(
                    TrainLogged(step=step, epoch=0, loss=1, learning_rate=0, gradient_norm=2.0)
                )
            case _:
                events.append(logged(step, drawn.random()))
    together, one_by_one = log_of(*events), TrainingLog()
    for event in events:
        one_by_one.apply(event)
    assert together.table() == one_by_one.table()
    assert (together.train, together.step) == (one_by_one.train, one_by_one.step)
    assert together.series.names() == one_by_one.series.names()
    for name in together.series.names():
        assert repr([*together.series[name]]) == repr([*one_by_one.series[name]])
