"""Events folded into rows, status, progress and time left."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Literal, get_args

import pytest

from stplay.jobs.events import (
    CheckpointSaved,
    Damaged,
    Epoch,
    Evaluated,
    Event,
    Noted,
    RunFinished,
    RunResumed,
    RunStarted,
    StageProgressed,
    SystemSampled,
    TrainLogged,
    Unknown,
    WorkerStarted,
)
from stplay.jobs.worklog import Status, status_words
from stplay.runs.series import TRAINING_STAGE
from stplay.runs.traininglog import (
    HEADINGS,
    TrainingLog,
    TrainingRow,
    epoch_warning,
    epoch_words,
    started_epoch_words,
)


def worker(pid: int = 1) -> WorkerStarted:
    return WorkerStarted(host="here", pid=pid, process_started=1.0)


def started(total_steps: int = 400) -> RunStarted:
    return RunStarted(
        recipe={"data": {"train": "builtin:sample"}},
        base="builtin:tiny",
        device="CPU",
        precision="float32",
        versions={},
        rows={"train": 100},
        total_steps=total_steps,
        parameters=1,
    )


def trained(step: int, loss: float | None, total: int = 400, time: float = 0.0) -> TrainLogged:
    return TrainLogged(step=step, epoch=step / total, loss=loss, learning_rate=1e-5, time=time)


def evaluated(
    step: int,
    accuracy: float,
    split: Literal["dev", "test"] = "dev",
    loss: float | None = None,
    total: int = 400,
) -> Evaluated:
    return Evaluated(
        step=step,
        epoch=step / total,
        split=split,
        data=f"sample-{split}",
        rows=1000,
        loss=loss,
        cosine_accuracy=accuracy,
        dot_accuracy=0.0,
        manhattan_accuracy=0.0,
        euclidean_accuracy=0.0,
        max_accuracy=accuracy,
    )


def training(done: int, time: float, total: int = 100) -> StageProgressed:
    return StageProgressed(stage=TRAINING_STAGE, done=done, total=total, unit="steps", time=time)


def folded(*events: Event) -> TrainingLog:
    log = TrainingLog()
    for event in events:
        log.apply(event)
    return log


def interval(step: int, change: float = 0.0) -> list[Event]:
    """What a run tells of 100 steps; ``change`` sets another run's figures apart."""
    return [
        trained(step, 4.0 - step / 200 + change),
        evaluated(step, 0.5 + step / 2000 + change, loss=3.0 - step / 300 + change),
    ]


START = [worker(), started(), evaluated(0, 0.541)]
END = [evaluated(400, 0.839, "test"), RunFinished(outcome="completed", exit_code=0)]


def test_a_step_is_one_row_whatever_it_told_first():
    log = folded(*START, *interval(100), evaluated(200, 0.7), trained(200, 2.5), *END)
    assert [row.step for row in log.table()] == [0, 100, 200, 400]
    assert log.table()[0] == TrainingRow(0, 0.0, None, None, 0.541, None)
    assert log.table()[1].cells() == ("0.250", "100", "3.5000", "2.6667", "0.550", "-")
    assert log.table()[2] == TrainingRow(200, 0.5, 2.5, None, 0.7, None)
    assert log.table()[3] == TrainingRow(400, 1.0, None, None, None, 0.839)
    assert log.evaluations["test", 400].data == "sample-test"


def test_the_rows_are_in_the_order_of_their_steps():
    log = folded(worker(), started(), trained(200, 1.0), trained(100, 2.0), evaluated(0, 0.5))
    assert [row.step for row in log.table()] == [0, 100, 200]


def test_the_table_of_the_card_comes_back(card: Path):
    with (card / "training-log.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    log = TrainingLog()
    for row in rows:
        step = int(row["step"])
        if row["training_loss"]:
            log.apply(trained(step, float(row["training_loss"]), total=6250))
        if row["all_nli_dev_max_accuracy"]:
            loss = float(row["eval_loss"]) if row["eval_loss"] else None
            log.apply(
                evaluated(step, float(row["all_nli_dev_max_accuracy"]), loss=loss, total=6250)
            )
        if row["all_nli_test_max_accuracy"]:
            log.apply(evaluated(step, float(row["all_nli_test_max_accuracy"]), "test", total=6250))
    shown = [row.cells() for row in log.table()]
    assert len(shown) == len(rows) == 64
    assert len(HEADINGS) == len(shown[0]) == 6
    assert shown[0] == ("0.000", "0", "-", "-", "0.541", "-")
    assert shown[1] == ("0.016", "100", "3.5308", "3.1817", "0.558", "-")
    assert shown[62] == ("0.992", "6,200", "0.0033", "1.0492", "0.849", "-")
    assert shown[63] == ("1.000", "6,250", "-", "-", "-", "0.839")


def test_a_row_without_figures():
    assert TrainingRow(0, 0.0).cells() == ("0.000", "0", "-", "-", "-", "-")


def test_figures_have_fixed_decimals_and_separators():
    row = TrainingRow(1_234_567, 12.3456, 0.5, 10.00004, 1.0, 0.0)
    assert row.cells() == ("12.346", "1,234,567", "0.5000", "10.0000", "1.000", "0.000")


def test_a_resumed_log_equals_an_uninterrupted_one():
    whole = folded(*START, *interval(100), *interval(200), *interval(300), *interval(400), *END)
    killed = [*START, *interval(100), *interval(200), *interval(300, change=0.125), trained(350, 9)]
    again = [worker(2), started(), RunResumed(step=200)]
    rest = [*interval(300), *interval(400), *END]

    log = folded(*killed, *again)
    assert [row.step for row in log.table()] == [0, 100, 200]
    assert log.step == 200
    assert log.table()[-1].dev_max_accuracy == pytest.approx(0.6)
    assert sorted(step for _, step in log.evaluations) == [0, 100, 200]

    log = folded(*killed, *again, *rest)
    assert log.table() == whole.table()
    assert log.evaluations.keys() == whole.evaluations.keys()
    assert (log.status, log.step) == (whole.status, whole.step)


def test_a_second_resume_from_further_back():
    log = folded(
        *START,
        *interval(100),
        *interval(200, change=0.25),
        worker(2),
        started(),
        RunResumed(step=200),
        *interval(300, change=0.25),
        worker(3),
        started(),
        RunResumed(step=100),
        *interval(200),
    )
    assert log.table() == folded(*START, *interval(100), *interval(200)).table()


@pytest.mark.parametrize(
    ("events", "status", "active"),
    [
        ([], "starting", True),
        ([worker()], "starting", True),
        ([worker(), StageProgressed(stage="importing torch")], "starting", True),
        ([worker(), started()], "running", True),
        ([worker(), started(), RunFinished(outcome="completed", exit_code=0)], "completed", False),
        ([worker(), RunFinished(outcome="stopped", exit_code=130)], "stopped", False),
        ([worker(), RunFinished(outcome="failed", exit_code=1, error="no")], "failed", False),
        ([RunFinished(outcome="failed", exit_code=1, error="no"), worker()], "starting", True),
        ([RunFinished(outcome="stopped", exit_code=130), worker(), started()], "running", True),
    ],
)
def test_status(events: list[Event], status: Status, active: bool):
    log = folded(*events)
    assert (log.status, log.active) == (status, active)


def test_what_was_concluded_from_a_silence_is_refuted_by_the_next_event():
    log = folded(worker(), started(), training(10, time=1000.0))
    log.lose_sight("It is not heard of.")
    assert (log.status, log.active, log.error) == ("lost", True, "It is not heard of.")
    assert log.finished is None
    log.lose_sight("It is not heard of for longer.")
    assert log.error == "It is not heard of."
    log.apply(training(20, time=1060.0))
    assert (log.status, log.error, log.step) == ("running", None, 20)

    log.lose_sight("Once more.")
    log.apply(RunFinished(outcome="completed", exit_code=0))
    assert (log.status, log.active, log.error) == ("completed", False, None)

    log = folded(worker())
    log.lose_sight("It is not heard of.")
    log.apply(worker(2))
    assert (log.status, log.error) == ("starting", None)
    log.lose_worker("It is gone.")
    assert (log.status, log.active) == ("failed", False)
    log.apply(StageProgressed(stage="importing torch"))
    assert (log.status, log.finished) == ("starting", None)


def test_an_error_is_told_until_the_run_goes_on():
    log = folded(worker(), started(), RunFinished(outcome="failed", exit_code=1, error="no"))
    assert log.error == "no"
    log.begin_again()
    assert (log.status, log.error, log.worker) == ("starting", None, None)
    log = folded(worker(), started())
    log.lose_worker("It is gone.")
    assert (log.status, log.error) == ("failed", "It is gone.")
    assert log.finished is not None
    assert log.finished.exit_code == 1


def test_status_words_have_a_sign():
    words = {status: status_words(status) for status in get_args(Status)}
    assert len(words) == 6
    assert len({word[0] for word in words.values()}) == 6, "color alone would tell them apart"
    assert words["lost"] == "? lost"
    assert words["running"] == "● running"
    assert words["completed"].endswith("finished")
    assert folded(worker(), started()).state == "● running"


def test_the_time_left_is_that_of_this_process():
    begin = [worker(), started(total_steps=100)]
    assert folded(*begin).seconds_left() is None
    assert folded(*begin, training(0, time=1000.0)).seconds_left() is None
    log = folded(*begin, training(0, time=1000.0), training(10, time=1020.0))
    assert log.seconds_left() == pytest.approx(180)
    log.apply(trained(20, 1.0, time=1030.0))
    assert log.step == 20
    assert log.seconds_left() == pytest.approx(120)

    # An hour later it goes on from step 10, at half the pace.
    for event in (worker(2), started(total_steps=100), RunResumed(step=10)):
        log.apply(event)
    assert log.seconds_left() is None
    log.apply(training(10, time=4600.0))
    assert log.seconds_left() is None
    log.apply(training(20, time=4640.0))
    assert log.seconds_left() == pytest.approx(320)

    log.apply(training(100, time=4960.0))
    assert log.seconds_left() == 0
    log.apply(RunFinished(outcome="completed", exit_code=0))
    assert log.seconds_left() is None


def test_a_clock_that_was_set_back_makes_no_negative_time():
    log = folded(worker(), started(100), training(0, time=1000.0), training(10, time=400.0))
    assert log.seconds_left() == 0


def test_what_is_damaged_is_counted_and_what_is_unknown_is_passed():
    log = folded(
        *START,
        Damaged(line=b"a"),
        Unknown(name="ProbesEncoded", fields={}),
        *interval(100),
        Damaged(line=b"b"),
    )
    assert log.damaged == 2
    assert log.status == "running"
    assert [row.step for row in log.table()] == [0, 100]


def test_the_newest_of_each_is_kept():
    notes = [Noted(level="info", text="a"), Noted(level="warning", text="b")]
    log = folded(
        worker(),
        started(250),
        *notes,
        SystemSampled(cpu_percent=1.0, memory_bytes=1),
        SystemSampled(cpu_percent=2.0, memory_bytes=2),
        CheckpointSaved(step=100, path="a", kept=1, disk_bytes=1),
        CheckpointSaved(step=200, path="b", kept=2, disk_bytes=2),
        StageProgressed(stage="saving the model"),
    )
    assert log.notes == notes
    assert log.system is not None
    assert log.system.memory_bytes == 2
    assert log.checkpoint is not None
    assert log.checkpoint.path == "b"
    assert log.stage is not None
    assert log.total_steps == 250
    assert log.started is not None
    assert log.started.recipe == {"data": {"train": "builtin:sample"}}
    log.apply(RunFinished(outcome="completed", exit_code=0))
    assert log.stage is None


def checkpoint(step: int, finite: bool | None = None) -> CheckpointSaved:
    path = f"checkpoints/checkpoint-{step}"
    return CheckpointSaved(step=step, path=path, kept=1, disk_bytes=1, finite=finite)


@pytest.mark.parametrize(
    ("events", "diverged"),
    [
        ([], False),
        ([trained(100, 2.0)], False),
        ([trained(100, None)], True),
        ([trained(100, None), trained(200, 1.0)], False),  # a step that overflowed, and no more
        ([trained(100, 2.0), checkpoint(100, finite=True)], False),
        ([trained(100, 2.0), checkpoint(100)], False),  # of an older stplay
        ([trained(100, 2.0), checkpoint(150, finite=False)], True),
        ([trained(100, None), checkpoint(100, finite=True)], True),
        ([trained(100, None), checkpoint(100, finite=False), RunResumed(step=50)], False),
        ([checkpoint(100, finite=False), RunResumed(step=100)], True),
    ],
)
def test_a_run_whose_last_loss_or_weights_are_not_finite_has_diverged(
    events: list[Event], diverged: bool
):
    log = folded(worker(), started(), *events)
    assert log.diverged == diverged
    log.apply(RunFinished(outcome="completed", exit_code=0))
    assert log.state == ("✓ finished, diverged" if diverged else "✓ finished")


def test_a_resume_from_an_older_checkpoint_forgets_the_newer_ones():
    log = folded(worker(), started(), checkpoint(100), checkpoint(200), trained(200, 1.0))
    log.apply(RunResumed(step=150))
    assert log.checkpoint is not None
    assert log.checkpoint.step == 100
    assert log.train is None


STOPPED = RunFinished(outcome="stopped", exit_code=130)
REFUSED = RunFinished(outcome="failed", exit_code=2, error="The data is another.")


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([STOPPED, worker(2), REFUSED], "stopped"),
        ([STOPPED, worker(2), REFUSED, worker(3), REFUSED], "stopped"),
        ([STOPPED, worker(2), worker(3), REFUSED], "stopped"),  # one was killed as it started
        ([STOPPED, worker(2), started(), REFUSED], "failed"),
        ([STOPPED, worker(2), started(), worker(3), REFUSED], "failed"),
        ([REFUSED, worker(2), REFUSED], "failed"),
        ([worker(2), REFUSED], "failed"),
    ],
)
def test_an_attempt_that_took_no_step_leaves_the_run_as_it_stood(
    events: list[Event], status: Status
):
    log = folded(*START, *interval(100), *events)
    assert (log.status, log.error) == (status, "The data is another.")
    assert [row.step for row in log.table()] == [0, 100]
    assert (log.step, log.active) == (100, False)


@pytest.mark.parametrize(
    ("epoch", "words"),
    [
        (None, ""),
        (Epoch(rows=256, batches=4, batch_size=64), ""),
        (
            Epoch(rows=64, batches=4, batch_size=64),
            "an epoch sees 64 of 256 triplets, 16.0 a batch instead of 64",
        ),
        (
            Epoch(rows=250, batches=4, batch_size=64, exact=False),
            "an epoch sees about 250 of 256 triplets, about 62.5 a batch instead of 64",
        ),
    ],
)
def test_what_an_epoch_takes_in_words(epoch: Epoch | None, words: str):
    assert epoch_words(epoch, 256) == words
    begun = started()
    begun.rows, begun.epoch = {"train": 256}, epoch
    assert started_epoch_words(begun) == words
    for negatives, shape in ((0, "pairs"), (5, "rows of 5 negatives")):
        begun.negatives = {"train": negatives}
        assert started_epoch_words(begun) == words.replace("triplets", shape)


def test_an_epoch_that_leaves_out_more_than_a_twentieth_is_warned_of():
    assert epoch_warning(Epoch(rows=95, batches=10, batch_size=10), 100) == ""
    warning = epoch_warning(Epoch(rows=94, batches=10, batch_size=10), 100)
    assert warning.startswith("An epoch sees 94 of 100 triplets")
    assert "batch_sampler" in warning
