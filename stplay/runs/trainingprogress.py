"""How far a run is, folded from its events: what is known of it without its figures."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from stplay.jobs.events import (
    CheckpointSaved,
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
from stplay.runs.series import TRAINING_STAGE
from stplay.text import count


def run_words(status: Status, diverged: bool) -> str:
    """A run's status as a sign and a word, and whether it has diverged."""
    return status_words(status) + (", diverged" if diverged else "")


def shrunk_words(shrunk: PackingShrunk) -> str:
    """That memory ran out, how the run goes on, and the setting that another can begin with."""
    alike = ""
    if shrunk.mini_batch_size is not None:
        begin = f"A run with loss.mini_batch_size = {count(shrunk.mini_batch_size)}"
        alike = f" {begin} takes no more at once from its first step."
    return (
        f"The memory ran out in step {count(shrunk.step + 1)}; it was taken again, and from there "
        f"on {count(shrunk.most_tokens)} tokens go through the model together at most.{alike}"
    )


@dataclass
class TrainingProgress(WorkLog):
    """What a run is and where it stands; does not grow with its steps."""

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
    def can_evaluate(self) -> bool:
        """Whether there is something to evaluate on while it trains."""
        if self.started is None:
            return False
        data = self.started.recipe.get("data")  # of another program's data no rows may be told
        return "dev" in self.started.rows or (isinstance(data, dict) and "dev" in data)

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
        pace = self.seconds_a_step
        if self.status != "running" or pace is None or not self.total_steps:
            return None
        return max(0.0, (self.total_steps - self.step) * pace)

    @property
    def seconds_a_step(self) -> float | None:
        """The pace since the newest process took its first step, evaluations and all included."""
        if not self._training_begin:
            return None
        begin, first = self._training_begin
        return (self._last_time - begin) / (self.step - first) if self.step > first else None

    def begin_again(self) -> None:
        """A training process was started, for the first time or to resume."""
        if not self.active:
            self._stood = self.status
        elif self._trained:  # it died without a last word
            self._stood = "failed"
        self._trained = False
        super().begin_again()
        self._training_begin = None

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        super().apply(event)
        match event:
            case StageProgressed():
                self._progress(event)
            case TrainLogged():
                self._log(event)
            case MetricsLogged():
                self._reach(event.step, event.time)
            case CheckpointSaved():
                self.checkpoints[event.step] = event
                self._reach(event.step, event.time)
            case RunStarted():
                self.started, self.status, self._trained = event, "running", True
            case RunResumed():
                self._resume(event.step)
            case PackingShrunk():
                self._shrink(event)
            case RunFinished() if self._stood in ("stopped", "completed") and not self._trained:
                self.status = self._stood  # it did not go on, and stands where it stood

    def _log(self, event: TrainLogged) -> None:
        self.train = event
        self._reach(event.step, event.time)

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

    def _resume(self, step: int) -> None:
        self.step = step
        self.checkpoints = {at: event for at, event in self.checkpoints.items() if at <= step}
        if self.train is not None and self.train.step > step:
            self.train = None
