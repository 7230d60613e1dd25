"""A run's figures by name, whatever its events measure."""

from __future__ import annotations

import math

import pytest
from allevents import EVENTS
from samplerun import finished_run

from stplay.jobs.events import (
    Event,
    KnownEvent,
    MetricsLogged,
    Replaced,
    RunResumed,
    StageProgressed,
    SystemSampled,
    TrainLogged,
)
from stplay.runs.series import SeriesLog


def folded(*events: Event) -> SeriesLog:
    log = SeriesLog()
    for event in events:
        log.apply(event)
    return log


def trained(step: int, loss: float | None, norm: float | None = None) -> TrainLogged:
    return TrainLogged(
        time=float(step),
        step=step,
        epoch=step / 100,
        loss=loss,
        learning_rate=1e-5,
        gradient_norm=norm,
    )


def values(log: SeriesLog, name: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in log[name]]


@pytest.mark.usefixtures("home")
def test_the_series_of_a_run() -> None:
    log = SeriesLog()
    finished_run().fold_into(log)
    assert log.names() == [
        "train/loss",
        "train/learning_rate",
        "train/gradient_norm",
        "train/samples_per_second",
        "train/tokens_per_second",
        "dev/loss",
        "dev/cosine_accuracy",
        "dev/dot_accuracy",
        "dev/manhattan_accuracy",
        "dev/euclidean_accuracy",
        "dev/max_accuracy",
        "system/cpu_percent",
        "system/memory_bytes",
        "checkpoints/kept",
        "checkpoints/disk_bytes",
    ]
    assert [*log["train/loss"]] == [
        (0, 100, 1 / 3, 11.0, 3.0),
        (0, 200, 2 / 3, 12.0, 1.5),
        (0, 300, 1.0, 13.0, 1.0),
    ]
    assert values(log, "dev/max_accuracy") == [(100, 0.81), (200, 0.81), (300, 0.81)]
    assert values(log, "system/memory_bytes") == [(300, 1 << 30)]


def test_any_event_can_be_folded() -> None:
    assert {type(event) for event in EVENTS} >= {*KnownEvent.__args__}
    log = folded(*EVENTS)
    assert values(log, "sts-dev_spearman") == [(-1, 0.9)]
    assert all([*log[name]] for name in log.names())


def test_what_was_not_measured_is_no_value_and_what_is_not_finite_is_one() -> None:
    log = folded(trained(1, 2.0), trained(2, None, 0.5), trained(3, 1.0))
    assert values(log, "train/loss") == [(1, 2.0), (2, math.inf), (3, 1.0)]
    assert values(log, "train/gradient_norm") == [(2, 0.5)]
    assert "train/tokens_per_second" not in log
    with pytest.raises(KeyError):
        log["train/tokens_per_second"]


def test_the_machine_is_told_by_the_step_that_was_reached() -> None:
    sampled = SystemSampled(time=7.0, cpu_percent=1.0, memory_bytes=1)
    log = folded(
        sampled,
        StageProgressed(stage="training", done=40),
        sampled,
        StageProgressed(stage="evaluating", done=500),
        sampled,
        trained(100, 1.0),
        sampled,
    )
    assert [point.step for point in log["system/cpu_percent"]] == [0, 40, 40, 100]
    assert [point.epoch for point in log["system/cpu_percent"]] == [0, 0, 0, 1.0]


def test_a_resume_takes_the_place_of_what_came_after_its_step() -> None:
    sampled = SystemSampled(cpu_percent=1.0, memory_bytes=1)
    log = folded(
        *(trained(step, float(step)) for step in (1, 2, 3, 4)),
        sampled,
        RunResumed(step=2),
        sampled,
        trained(3, 30.0),
    )
    assert values(log, "train/loss") == [(1, 1.0), (2, 2.0), (3, 30.0)]
    assert [point.step for point in log["system/cpu_percent"]] == [2]
    assert len(log["train/loss"].track) == 3


def test_a_segment_has_steps_of_its_own() -> None:
    def measured(step: int, segment: int, **figures: float | None) -> MetricsLogged:
        return MetricsLogged(time=0.0, step=step, values={**figures}, segment=segment)

    log = folded(
        measured(-1, 0, loss=3.0),
        measured(500, 0, loss=2.0, spearman=0.7),
        measured(100, 1, loss=2.5),
        measured(200, 1, loss=None),
    )
    assert [(*point[:2], point.value) for point in log["loss"]] == [
        (0, -1, 3.0),
        (0, 500, 2.0),
        (1, 100, 2.5),
        (1, 200, math.inf),
    ]
    assert log["loss"].track.segments() == [(0, range(2)), (1, range(2, 4))]
    assert all(math.isnan(point.epoch) for point in log["loss"])
    assert values(log, "spearman") == [(500, 0.7)]


def test_a_log_that_was_replaced_is_read_from_its_start() -> None:
    log = folded(trained(1, 2.0), Replaced(), trained(5, 1.0))
    assert values(log, "train/loss") == [(5, 1.0)]
