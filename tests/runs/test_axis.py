"""Where the moments of a run are along its steps, its epochs and its own time."""

from __future__ import annotations

import numpy as np
import pytest

from stplay.jobs.events import Event, RunResumed, TrainLogged
from stplay.runs.axis import Across, Axis
from stplay.runs.series import SeriesLog


def logged(step: int, time: float) -> TrainLogged:
    return TrainLogged(time=time, step=step, epoch=step / 100, loss=1.0, learning_rate=0)


def log_of(*events: Event) -> SeriesLog:
    log = SeriesLog()
    log.fold(events)
    return log


RESUMED = log_of(
    logged(10, 1000.0),
    logged(20, 1010.0),
    logged(30, 1020.0),  # the resume takes its place
    RunResumed(time=5000.0, step=20),
    logged(30, 5012.0),
    RunResumed(time=9000.0, step=30),
    logged(40, 9015.0),
)


@pytest.mark.parametrize(
    ("across", "places"),
    [("step", [10, 20, 30, 40]), ("epoch", [0.1, 0.2, 0.3, 0.4]), ("time", [0, 10, 22, 37])],
)
def test_breaks_and_what_a_resume_took_the_place_of_are_no_time(
    across: Across, places: list[float]
) -> None:
    axis = Axis(RESUMED, across)
    assert axis.places(axis.told(RESUMED["train/loss"].track)).tolist() == pytest.approx(places)
    assert axis.extent == pytest.approx(places[-1])
    for step, place in zip((10, 20, 30, 40), places, strict=True):
        assert axis.place_of(step) == pytest.approx(place)
        assert axis.step_at(place) == step
    assert axis.place_of(35) == pytest.approx(35 if across == "step" else places[2])


def test_a_resume_from_before_the_last_one_leaves_one_break() -> None:
    log = log_of(
        logged(10, 0.0),
        logged(20, 10.0),
        RunResumed(time=100.0, step=20),
        logged(30, 110.0),
        RunResumed(time=200.0, step=10),
        logged(20, 210.0),
    )
    assert log.clock.breaks == [(0.0, 200.0)]
    assert Axis(log, "time").extent == 10.0


def test_the_steps_of_another_run_have_places() -> None:
    steps = np.array([10.0, 25.0, 80.0])
    assert Axis(RESUMED, "step").places_of_steps(steps).tolist() == [10, 25, 80]
    assert Axis(RESUMED, "epoch").places_of_steps(steps).tolist() == pytest.approx([0.1, 0.25, 0.8])
    *within, beyond = Axis(RESUMED, "time").places_of_steps(steps).tolist()
    assert within == pytest.approx([0, 16])
    assert np.isnan(beyond), "this run has not been there"


def test_nothing_measured_is_nowhere() -> None:
    for across in ("step", "epoch", "time"):
        axis = Axis(SeriesLog(), across)
        assert (axis.extent, axis.place_of(5) if across != "step" else 0) == (0, 0)
