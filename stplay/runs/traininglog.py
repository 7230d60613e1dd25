"""Events folded into what people read: table rows, status, progress, time left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from stplay.jobs.events import (
    CheckpointSaved,
    Engine,
    Epoch,
    Evaluated,
    Event,
    MetricsLogged,
    Noted,
    PackingShrunk,
    RunFinished,
    RunResumed,
    RunStarted,
    StageProgressed,
    TrainLogged,
)
from stplay.jobs.worklog import Status, WorkLog, status_words
from stplay.sources.datasources import rows_word
from stplay.text import count, decimals, printable

HEADINGS = ("Epoch", "Step", "Training Loss", "loss", "dev max", "test max")
TRAINING_STAGE = "training"
MOST_LEFT_OUT = 0.05  # of the rows in an epoch, without a warning


def engine_words(engine: Engine | None) -> str:
    """How the steps of a run are computed, as people read it; nothing where nobody told."""
    if engine is None:
        return ""
    if engine.name == "stock":
        return "the library's own path"
    words = f"gradient caching by {count(engine.most_tokens)} tokens"
    if engine.most_tokens and engine.largest_batch_tokens and engine.batch_tokens:
        if engine.largest_batch_tokens <= engine.most_tokens:
            words = "one forward a step"
        elif engine.batch_tokens <= engine.most_tokens:
            words = "mostly one forward a step"
    if engine.vocabulary_rows is not None:
        words += f", {count(engine.vocabulary_rows)} rows of the vocabulary"
    return words


def device_words(started: RunStarted) -> str:
    """What a run is computed on, as people read it, and in how many processes."""
    if started.processes == 1:
        return printable(started.device)
    machines = f" on {count(started.machines)} machines" if started.machines > 1 else ""
    return f"{count(started.processes)} processes{machines}, {printable(started.device)}"


def shrunk_words(shrunk: PackingShrunk) -> str:
    """That memory ran out, and how the run goes on."""
    return (
        f"The memory ran out in step {count(shrunk.step + 1)}; it was taken again, and from there "
        f"on {count(shrunk.most_tokens)} tokens go through the model together at most."
    )


def metrics_words(event: MetricsLogged) -> str:
    """What was measured, by the names that it has there."""
    figures = event.values.items()
    return "  ".join(f"{printable(name)} {decimals(value, 4)}" for name, value in figures)


def epoch_words(epoch: Epoch | None, rows: int | None, negatives: int = 1) -> str:
    """What an epoch takes of ``rows``, each of so many ``negatives``.

    Nothing where it takes all, or nobody told.
    """
    if epoch is None or not rows or epoch.rows >= rows:
        return ""
    about = "" if epoch.exact else "about "
    mean = decimals(epoch.rows / max(1, epoch.batches), 1)
    return (
        f"an epoch sees {about}{count(epoch.rows)} of {count(rows)} {rows_word(negatives)}, "
        f"{about}{mean} a batch instead of {count(epoch.batch_size)}"
    )


def started_epoch_words(started: RunStarted) -> str:
    """What an epoch of a run takes of its triplets; nothing where it takes all."""
    return epoch_words(started.epoch, started.rows.get("train"), started.negatives.get("train", 1))


def epoch_warning(epoch: Epoch, rows: int, negatives: int = 1) -> str:
    """What to be told of an epoch that leaves out much; nothing where it does not."""
    if epoch.rows >= (1 - MOST_LEFT_OUT) * rows:
        return ""
    words, shape = epoch_words(epoch, rows, negatives), rows_word(negatives)
    return (
        f"{words[0].upper()}{words[1:]}, as no_duplicates keeps {shape} that share a sentence out "
        "of one batch; a smaller training.per_device_train_batch_size reaches more of them, "
        "training.batch_sampler = batch_sampler all."
    )


def run_words(status: Status, diverged: bool) -> str:
    """A run's status as a sign and a word, and whether it has diverged."""
    return status_words(status) + (", diverged" if diverged else "")


@dataclass
class TrainingRow:
    """One line of the training log, the card's table."""

    step: int
    epoch: float
    training_loss: float | None = None
    loss: float | None = None
    dev_max_accuracy: float | None = None
    test_max_accuracy: float | None = None

    def cells(self) -> tuple[str, ...]:
        """The row as shown, in the order of ``HEADINGS``."""
        return (
            decimals(self.epoch, 3),
            count(self.step),
            decimals(self.training_loss, 4),
            decimals(self.loss, 4),
            decimals(self.dev_max_accuracy, 3),
            decimals(self.test_max_accuracy, 3),
        )


@dataclass
class TrainingLog(WorkLog):
    """What is known of a run from its events, and from nothing else."""

    rows: dict[int, TrainingRow] = field(default_factory=dict)
    evaluations: dict[tuple[str, int], Evaluated] = field(default_factory=dict)
    started: RunStarted | None = None
    train: TrainLogged | None = None
    checkpoints: dict[int, CheckpointSaved] = field(default_factory=dict)
    step: int = 0
    _stood: Status = "starting"  # before its newest process
    _trained: bool = False  # by its newest process
    _training_begin: tuple[float, int] | None = None
    _last_time: float = 0.0

    @property
    def total_steps(self) -> int | None:
        """The number of steps of the whole run, once it is known."""
        return self.started.total_steps if self.started else None

    @property
    def checkpoint(self) -> CheckpointSaved | None:
        """The newest checkpoint."""
        return self.checkpoints[max(self.checkpoints)] if self.checkpoints else None

    @property
    def diverged(self) -> bool:
        """Whether the loss that was logged last, or the newest checkpoint, is not finite.

        Weights that are not finite never are again; a loss can be, and then the run goes on well.
        """
        not_a_loss = self.train is not None and self.train.loss is None
        return not_a_loss or (self.checkpoint is not None and self.checkpoint.finite is False)

    @property
    def state(self) -> str:
        """The status as a sign and a word, and whether the run has diverged."""
        return run_words(self.status, self.diverged)

    def seconds_left(self) -> float | None:
        """The time to the last step at the pace since this process took its first one."""
        if self.status != "running" or not self._training_begin or not self.total_steps:
            return None
        begin, first = self._training_begin
        if self.step <= first:
            return None
        pace = (self._last_time - begin) / (self.step - first)
        return max(0.0, (self.total_steps - self.step) * pace)

    def table(self) -> list[TrainingRow]:
        """The rows in the order of their steps."""
        return [self.rows[step] for step in sorted(self.rows)]

    @property
    def has_rows(self) -> bool:
        """Whether there is anything to show in a table."""
        return bool(self.rows)

    def headings(self) -> Sequence[str]:
        """What stands above the columns."""
        return HEADINGS

    def lines(self) -> list[tuple[str, ...]]:
        """The table as shown."""
        return [row.cells() for row in self.table()]

    def begin_again(self) -> None:
        """A training process was started, for the first time or to resume."""
        if not self.active:
            self._stood = self.status
        elif self._trained:  # it died without a last word
            self._stood = "failed"
        self._trained = False
        super().begin_again()
        self._training_begin = None

    def last_dev_accuracy(self) -> float | None:
        """The newest max accuracy on dev."""
        found = [row.dev_max_accuracy for row in self.table() if row.dev_max_accuracy is not None]
        return found[-1] if found else None

    def last_test_accuracy(self) -> float | None:
        """The newest max accuracy on test."""
        found = [row.test_max_accuracy for row in self.table() if row.test_max_accuracy is not None]
        return found[-1] if found else None

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        super().apply(event)
        match event:
            case StageProgressed():
                self._progress(event)
            case TrainLogged():
                self.train = event
                self._reach(event.step, event.time)
                self._row(event.step, event.epoch).training_loss = event.loss
            case Evaluated():
                self.evaluations[event.split, event.step] = event
                row = self._row(event.step, event.epoch)
                if event.split == "dev":
                    row.loss, row.dev_max_accuracy = event.loss, event.max_accuracy
                else:
                    row.test_max_accuracy = event.max_accuracy
            case MetricsLogged():
                self._reach(event.step, event.time)
            case CheckpointSaved():
                self.checkpoints[event.step] = event
                self._reach(event.step, event.time)
            case RunStarted():
                self.started, self.status, self._trained = event, "running", True
            case RunResumed():
                self._drop_after(event.step)
            case PackingShrunk():
                self._shrink(event)
            case RunFinished(outcome="failed") if self._stood == "stopped" and not self._trained:
                self.status = "stopped"  # it could not go on, and stands where it stood

    def _shrink(self, event: PackingShrunk) -> None:
        words = shrunk_words(event)
        self.notes.append(Noted(time=event.time, level="warning", text=words))
        if self.started is not None and self.started.engine is not None:
            engine = replace(self.started.engine, most_tokens=event.most_tokens)
            self.started = replace(self.started, engine=engine)

    def _progress(self, event: StageProgressed) -> None:
        if event.stage == TRAINING_STAGE:
            if self._training_begin is None:
                self._training_begin = (event.time, event.done)
            self._reach(event.done, event.time)

    def _reach(self, step: int, when: float) -> None:
        self.step, self._last_time = step, when

    def _row(self, step: int, epoch: float) -> TrainingRow:
        if step not in self.rows:
            self.rows[step] = TrainingRow(step, epoch)
        return self.rows[step]

    def _drop_after(self, step: int) -> None:
        self.step = step
        self.rows = {at: row for at, row in self.rows.items() if at <= step}
        self.evaluations = {key: event for key, event in self.evaluations.items() if key[1] <= step}
        self.checkpoints = {at: event for at, event in self.checkpoints.items() if at <= step}
        if self.train is not None and self.train.step > step:
            self.train = None
