"""What is kept of a log for the list of runs: the same as of the whole log, however it is read."""

from __future__ import annotations

from typing import Literal

import msgspec
import pytest
from allevents import EVENTS
from hypothesis import given
from hypothesis import strategies as st

from stplay.jobs.events import (
    Damaged,
    Evaluated,
    Event,
    Replaced,
    RunResumed,
    SystemSampled,
    TrainLogged,
    WorkerStarted,
)
from stplay.runs.rundigest import Best, RunDigest
from stplay.runs.traininglog import TrainingLog

ANY = st.lists(st.sampled_from([*EVENTS, Damaged(line=b"x"), Replaced()]), max_size=30)


def worker(time: float) -> WorkerStarted:
    return WorkerStarted(time=time, host="box", pid=1, process_started=1.0)


def evaluated(step: int, accuracy: float, split: Literal["dev", "test"] = "dev") -> Evaluated:
    return Evaluated(
        time=step, step=step, epoch=0.0, split=split, data="d", rows=1, max_accuracy=accuracy
    )


def digest(*events: Event) -> RunDigest:
    made = RunDigest()
    made.fold(events)
    return made


def test_the_best_is_the_first_step_that_had_it_and_what_was_resumed_before_it_is_gone() -> None:
    events = [evaluated(300, 0.8), evaluated(100, 0.7), evaluated(200, 0.8), evaluated(400, 0.6)]
    assert digest(*events).best_dev == Best(0.8, 200)
    assert digest(*events, RunResumed(step=150)).best_dev == Best(0.7, 100)
    assert digest(evaluated(1, 0.9, "test")).best_dev is None
    assert digest(*events, Replaced(), evaluated(5, 0.1)).best_dev == Best(0.1, 5)


def test_time_between_two_processes_is_no_work() -> None:
    beat = SystemSampled(time=160.0, cpu_percent=1.0, memory_bytes=1)
    assert digest(worker(100.0), beat, worker(900.0)).seconds == 60.0
    again = digest(worker(100.0), beat, worker(900.0), msgspec.structs.replace(beat, time=905.0))
    assert again.seconds == 65.0
    assert digest(worker(100.0), Damaged(line=b"")).seconds == 0.0


def test_it_stays_small() -> None:
    steps = [TrainLogged(step=step, epoch=0.0, loss=1.0, learning_rate=1.0) for step in range(999)]
    assert len(msgspec.msgpack.encode(digest(*steps))) < 1000


@given(ANY, ANY)
def test_folded_on_it_is_what_it_is_folded_at_once(first: list[Event], rest: list[Event]) -> None:
    begun = digest(*first)
    kept = msgspec.msgpack.decode(msgspec.msgpack.encode(begun), type=RunDigest)
    assert kept == begun
    kept.fold(rest)
    whole, log = digest(*first, *rest), TrainingLog()
    for event in (*first, *rest):
        log.apply(event)
    assert kept.log == whole.log
    assert (kept.dev, kept.test) == (whole.dev, whole.test)
    assert kept.seconds == pytest.approx(whole.seconds)
    assert (kept.log.state, kept.log.step, kept.log.error) == (log.state, log.step, log.error)
    rows = {row.step: row.dev_max_accuracy for row in log.table()}
    assert kept.dev == {step: value for step, value in rows.items() if value is not None}
