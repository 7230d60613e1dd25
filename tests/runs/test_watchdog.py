"""What a watchdog says of a training: each thing once, when it is so, and of good ones nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import sampledmachine
from hypothesis import given
from msgspec.structs import replace
from runsondisk import STARTED
from sampledmachine import GIB
from wildlogs import logs

from stplay.jobs.eventlog import decode_events
from stplay.jobs.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    MachineLoad,
    Noted,
    RunResumed,
    RunStarted,
    StageProgressed,
    SystemSampled,
    TrainLogged,
    WorkerStarted,
)
from stplay.runs.recipe import Recipe
from stplay.runs.watchdog import PATIENCE, Watchdog
from stplay.text import printable


def said(events: Iterable[Event], watchdog: Watchdog | None = None) -> list[str]:
    watchdog = watchdog or Watchdog()
    return [noted.text for event in events for noted in watchdog.apply(event)]


def logged(step: int, loss: float | None, gradient_norm: float | None = 1.0) -> TrainLogged:
    return TrainLogged(
        step=step, epoch=0.0, loss=loss, learning_rate=1e-5, gradient_norm=gradient_norm
    )


def evaluated(step: int, accuracy: float | None, loss: float | None = None) -> Evaluated:
    return Evaluated(
        step=step, epoch=0.0, split="dev", data="x", rows=1000, loss=loss, max_accuracy=accuracy
    )


def training(figures: Iterable[tuple[float, float | None, float | None]]) -> Iterator[Event]:
    """A training loss, and what an evaluation finds, each hundred steps."""
    yield STARTED
    for number, (loss, accuracy, dev_loss) in enumerate(figures, 1):
        yield logged(100 * number, loss)
        yield evaluated(100 * number, accuracy, dev_loss)


def started(**fields: object) -> RunStarted:
    return replace(STARTED, **fields)


def test_of_the_published_card_nothing_is_said(card: Path) -> None:
    rows = [*csv.DictReader((card / "training-log.csv").open(encoding="utf-8"))]
    events: list[Event] = [STARTED]
    for row in rows:
        step = int(row["step"])
        if row["training_loss"]:
            events.append(logged(step, float(row["training_loss"])))
        if accuracy := row["all_nli_dev_max_accuracy"]:
            loss = float(row["eval_loss"]) if row["eval_loss"] else None
            events.append(evaluated(step, float(accuracy), loss))
    assert len(events) > 120
    assert said(events) == []


def test_what_is_not_finite_is_said_at_its_step_and_again_only_when_it_came_back() -> None:
    assert said(
        [STARTED, logged(5, None), logged(10, None), logged(15, 1.0), logged(20, None)]
    ) == [
        "A loss up to step 5 is not finite.",
        "A loss up to step 20 is not finite.",
    ]
    assert said([STARTED, logged(5, 1.0), logged(1000, 1.0, None), logged(1005, 1.0, None)]) == [
        "The gradient of step 1,000 is not finite."
    ]


def test_a_gradient_that_nobody_measures_or_that_is_scaled_is_no_mistake() -> None:
    assert said([started(precision="fp16"), logged(5, 1.0, None)]) == []
    unclipped = {"training": {**Recipe().to_dict()["training"], "max_grad_norm": 0.0}}
    assert said([started(recipe=unclipped), logged(5, 1.0, None)]) == []
    assert said([started(recipe={"training": 7}), logged(5, 1.0, None)]) == []


def test_dev_that_becomes_no_better() -> None:
    rising = [(1.0, 0.5 + 0.01 * step, 1.0) for step in range(5)]
    flat = [(1.0, 0.54, 1.0)] * PATIENCE
    assert said(training([*rising, *flat[1:]])) == []
    told = [
        "dev has not become better for 10 evaluations: its best accuracy was 0.540, at step 500, "
        "and its best loss was 1.0000, at step 100."
    ]
    assert said(training([*rising, *flat])) == told
    assert said(training([*rising, *flat, *flat])) == told
    assert said(training([*rising, *flat, (1.0, 0.6, 1.0), *flat])) == [
        *told,
        "dev has not become better for 10 evaluations: its best accuracy was 0.600, at step "
        "1,600, and its best loss was 1.0000, at step 100.",
    ]


def test_dev_whose_loss_alone_becomes_better_goes_on() -> None:
    assert said(training((1.0, 0.9, 1.0 - 0.01 * step) for step in range(40))) == []


def test_a_plateau_is_no_warning() -> None:
    watchdog = Watchdog()
    notes = [n for e in training([(1.0, 0.5, None)] * 12) for n in watchdog.apply(e)]
    assert [noted.level for noted in notes] == ["info"]


def test_dev_that_falls_while_the_training_loss_falls() -> None:
    rising = [(3.0 - 0.2 * step, 0.70 + 0.02 * step, None) for step in range(8)]
    falling = [(1.0 - 0.1 * step, 0.80 - 0.01 * step, None) for step in range(4)]
    assert said(training([*rising, *falling])) == [
        "On dev the accuracy has fallen from 0.840, at step 800, to 0.780, while the training loss "
        "has fallen from 1.7000 to 0.9000: the model may be learning its rows by heart."
    ]
    assert said(training([*rising, *((4.0, dev, None) for _, dev, _ in falling)])) == []
    by_chance = [(0.5, 0.83, None), (0.4, 0.82, None), (0.3, 0.825, None)]
    assert said(training([*rising, *by_chance])) == []


def test_of_pairs_the_loss_on_dev_tells() -> None:
    rising = [(2.0 - 0.1 * step, None, 1.0 if step < 5 else 1.0 + 0.04 * step) for step in range(9)]
    (told,) = said(training(rising))
    assert told.startswith("On dev the loss has risen from 1.0000, at step 100, to 1.2800, while")


def test_a_resume_forgets_what_it_replaces() -> None:
    events = [*training([(1.0, 0.9, None)] + [(1.0, 0.5, None)] * 5)]
    watchdog = Watchdog()
    said(events, watchdog)
    assert said([RunResumed(step=0)], watchdog) == []
    assert said([*training([(1.0, 0.5, None)] * 10)][1:], watchdog) == []
    assert len(said([evaluated(1100, 0.5)], watchdog)) == 1


def timed(seconds_training: float, seconds_evaluating: float, times: int) -> Iterator[Event]:
    """Steps and evaluations that take so long."""
    now = 100.0
    yield replace(STARTED, time=now)
    for number in range(times):
        begin = StageProgressed(time=now, stage="training", done=10 * number)
        now += seconds_training
        yield begin
        end = StageProgressed(time=now, stage="loss on x", done=1)
        now += seconds_evaluating
        yield end
        yield replace(evaluated(10 * number + 10, number / 100), time=now)


def test_evaluations_that_take_longer_than_the_training() -> None:
    assert said(timed(20, 30, 2)) == []
    assert said(timed(30, 20, 50)) == []
    assert said(timed(2, 3, 8)) == [], "of what is over soon nothing is said"
    assert said(timed(20, 30, 9)) == [
        "3 evaluations took 1 min 30 s, and the training beside them 1 min 00 s: a larger "
        "evaluation.eval_steps, or a smaller data.dev_rows, would leave more time for it."
    ]


def on_gpu(use: float, seconds_a_step: float, samples: int, *slowed: str) -> Iterator[Event]:
    """Steps, and a sample beside them each two seconds."""
    now = 100.0
    for _ in range(samples):
        now += 2
        done = int(now / seconds_a_step)
        yield StageProgressed(time=now, stage="training", done=done)
        sample = sampledmachine.sampled(0, 2, *slowed)
        assert sample.machine is not None
        own, other = sample.machine.gpus
        load = replace(sample.machine, gpus=[replace(own, use=use), other])
        yield replace(sample, time=now, machine=load)


def test_a_gpu_that_waits() -> None:
    found = sampledmachine.found(2)
    (told,) = said([found, *on_gpu(31, 0.5, 100)])
    assert told == (
        "The GPU was busy for 31 % of the last minute of training, in which a step took 0.50 s and "
        "the process kept 1.8 processors busy: something keeps it waiting, such as data or other "
        "processes."
    )
    assert said([found, *on_gpu(97, 0.5, 100)]) == []
    assert said([found, *on_gpu(31, 0.5, 29)]) == [], "not yet a minute"
    assert said([found, *on_gpu(31, 0.01, 100)]) == [], "short steps keep no GPU busy"
    assert said([sampledmachine.found(2, taken=False), *on_gpu(31, 0.5, 100)]) == []
    watchdog = Watchdog()
    back = [found, *on_gpu(31, 0.5, 60), *on_gpu(97, 0.5, 60), *on_gpu(31, 0.5, 60)]
    assert len(said(back, watchdog)) == 2


def test_a_gpu_that_is_idle_while_nothing_is_trained_waits_for_nothing() -> None:
    evaluating = StageProgressed(time=99.0, stage="evaluating x", done=1)
    events = [event for event in on_gpu(5, 0.5, 100) if not isinstance(event, StageProgressed)]
    assert said([sampledmachine.found(2), evaluating, *events]) == []


def test_a_gpu_that_is_slowed_down() -> None:
    found = sampledmachine.found(2)
    assert said([found, *on_gpu(97, 0.5, 50, "its power limit", "heat")]) == [
        "GPU 0 is slowed down by heat, at 64 °C."
    ]
    assert said([found, *on_gpu(97, 0.5, 4, "heat")]) == []
    assert said([found, *on_gpu(97, 0.5, 50, "its power limit")]) == [], "as each GPU at work is"
    back = [*on_gpu(97, 0.5, 9, "heat"), *on_gpu(97, 0.5, 20), *on_gpu(97, 0.5, 9, "heat")]
    assert len(said([found, *back])) == 2


def disk(left_gib: float) -> SystemSampled:
    machine = MachineLoad(disk_left=int(left_gib * GIB))
    return SystemSampled(cpu_percent=1, memory_bytes=1, machine=machine)


def saved(number: int, kept: int, gib: float) -> CheckpointSaved:
    return CheckpointSaved(
        step=500 * number, path=f"checkpoints/{number}", kept=kept, disk_bytes=int(gib * GIB)
    )


def saving(limit: int | None, total_steps: int = 5000) -> list[Event]:
    """Three checkpoints, of which the newest two, with 3 GiB, are whole, and the first is not."""
    recipe = Recipe().to_dict()
    recipe["training"] |= {"save_steps": 500} | ({"save_total_limit": limit} if limit else {})
    begun = started(recipe=recipe, total_steps=total_steps)
    return [begun, saved(1, 1, 3), saved(2, 2, 6), saved(3, 3, 7)]


def test_a_disk_that_will_be_full() -> None:
    # Seven more to come, each of which leaves 1 GiB, the model at the end, and 3 GiB for a moment.
    assert said([*saving(None), disk(12)]) == []
    (told,) = said([*saving(None), disk(10.5), disk(10.4), disk(9)])
    assert told == (
        "The disk has 10.5 GiB left, and the checkpoints and the model that are to come take about "
        "11.0 GiB: free some room, or keep fewer checkpoints (training.save_total_limit)."
    )
    assert said([*saving(4), disk(10.5)]) == [], "one more is kept"
    assert said([*saving(None, 1500), disk(0.1)]) == [], "none is to come"
    assert len(said([*saving(None), disk(9), disk(10.9), disk(11.1), disk(9)])) == 1
    assert len(said([*saving(None), disk(9), disk(20), disk(9)])) == 2


def test_nothing_is_guessed_of_the_size_of_checkpoints() -> None:
    assert said([*saving(None)[:3], disk(0.1)]) == []


def test_what_was_said_before_a_resume_is_not_said_again() -> None:
    watchdog = Watchdog()
    first = [*saving(None), disk(9)]
    assert len(said(first, watchdog)) == 1
    worker = WorkerStarted(host="x", pid=1, process_started=1.0)
    assert said([worker, RunResumed(step=1500), disk(9)], watchdog) == []


@given(logs)
def test_whatever_stands_in_a_log_is_taken_and_what_is_said_is_safe(log: bytes) -> None:
    watchdog = Watchdog()
    for event in decode_events(log)[0]:
        for noted in watchdog.apply(event):
            assert isinstance(noted, Noted)
            assert printable(noted.text) == noted.text
