"""What a list of runs tells of a log: its fold without its figures, small enough to keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from stplay.jobs.events import (
    Damaged,
    Evaluated,
    Event,
    Replaced,
    RunResumed,
    SystemSampled,
    Unknown,
    WorkerStarted,
)
from stplay.runs.trainingprogress import TrainingProgress


class Best(NamedTuple):
    """The greatest accuracy of an evaluation, and the first step that had it."""

    accuracy: float
    step: int


@dataclass
class RunDigest:
    """A run's log, and the max accuracies on dev and test by their steps.

    ``seconds`` is how long its processes were at work, from the first to the last word of each, and
    ``memory_bytes`` and ``gpu_memory_bytes`` the most that the training process held.
    """

    log: TrainingProgress = field(default_factory=TrainingProgress)
    dev: dict[int, float] = field(default_factory=dict)
    test: dict[int, float] = field(default_factory=dict)
    seconds: float = 0.0
    heard: float | None = None
    memory_bytes: int = 0
    gpu_memory_bytes: int = 0

    def fold(self, events: Sequence[Event]) -> None:
        """Fold ``events`` in, one after the other, and keep no more of them than a list tells."""
        for event in events:
            self.log.apply(event)
            self._take(event)
        self.log = replace(self.log, notes=[])  # they grow with it, and a list tells none

    def _take(self, event: Event) -> None:
        match event:
            case Damaged() | Unknown():
                return  # nobody told when
            case Replaced():
                self.dev, self.test, self.seconds, self.heard = {}, {}, 0.0, None
                self.memory_bytes = self.gpu_memory_bytes = 0
                return
            case SystemSampled():
                self.memory_bytes = max(self.memory_bytes, event.memory_bytes)
                self.gpu_memory_bytes = max(self.gpu_memory_bytes, event.gpu_memory_bytes or 0)
            case Evaluated():
                accuracies = self.dev if event.split == "dev" else self.test
                accuracies.pop(event.step, None)  # the newest one of a step counts
                if event.max_accuracy is not None:
                    accuracies[event.step] = event.max_accuracy
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
