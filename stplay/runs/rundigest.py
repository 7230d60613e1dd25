"""What a list of runs tells of a log: its fold without the table's rows, small enough to keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from stplay.jobs.events import (
    Damaged,
    Evaluated,
    Event,
    Replaced,
    RunResumed,
    Unknown,
    WorkerStarted,
)
from stplay.runs.traininglog import TrainingLog


class Best(NamedTuple):
    """The greatest accuracy of an evaluation, and the first step that had it."""

    accuracy: float
    step: int


@dataclass
class RunDigest:
    """A run's log, and the max accuracies on dev and test by their steps.

    ``seconds`` is how long its processes were at work, from the first to the last word of each.
    """

    log: TrainingLog = field(default_factory=TrainingLog)
    dev: dict[int, float] = field(default_factory=dict)
    test: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    heard: float | None = None

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        self.log.apply(event)
        for large in (self.log.rows, self.log.evaluations, self.log.notes):
            large.clear()
        match event:
            case Damaged() | Unknown():
                return  # nobody told when
            case Replaced():
                self.__dict__ = RunDigest(self.log).__dict__
                return
            case Evaluated(max_accuracy=float(accuracy)):
                (self.dev if event.split == "dev" else self.test)[event.step] = accuracy
            case RunResumed():
                self.dev = {step: value for step, value in self.dev.items() if step <= event.step}
                self.test = {step: value for step, value in self.test.items() if step <= event.step}
        if self.heard is not None and not isinstance(event, WorkerStarted):
            self.seconds += max(0.0, event.time - self.heard)
        self.heard = event.time

    @property
    def best_dev(self) -> Best | None:
        """The best accuracy on dev."""
        if not self.dev:
            return None
        step = max(sorted(self.dev), key=self.dev.__getitem__)
        return Best(self.dev[step], step)
