"""A run's figures by name: whatever its events measure, as series over its steps."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from stplay.jobs.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    MachineLoad,
    MetricsLogged,
    Replaced,
    RunResumed,
    StageProgressed,
    SystemSampled,
    TrainLogged,
)
from stplay.runs.traininglog import TRAINING_STAGE

NOT_MEASURED = math.nan
NOT_FINITE = math.inf  # which of those that are not, nobody told

# What tells when and of what something was measured is no figure.
_NO_FIGURES = {"time", "step", "epoch", "split", "data", "rows", "path", "finite", "machine"}
_FIGURES: dict[type[Event], tuple[str, ...]] = {
    kind: tuple(name for name in kind.__struct_fields__ if name not in _NO_FIGURES)
    for kind in (TrainLogged, Evaluated, SystemSampled, CheckpointSaved)
}
_OF_MACHINE = tuple(name for name in MachineLoad.__struct_fields__ if name != "gpus")
_OF_GPU = ("use", "memory", "power", "temperature")


class Point(NamedTuple):
    """One value of a series; ``epoch`` is not a number where nobody told it.

    ``time`` is in seconds since 1970. ``value`` is infinite where what was measured is not finite.
    """

    segment: int
    step: int
    epoch: float
    time: float
    value: float


class Track:
    """Figures that are measured at the same moments; each has a value for each of them.

    ``steps``, ``epochs`` and ``times`` are those of the moments. In each segment another training
    begins, and its steps with it.
    """

    def __init__(self) -> None:
        self.steps = array("q")
        self.epochs = array("d")
        self.times = array("d")
        self.figures: dict[str, array[float]] = {}
        self._begins: list[tuple[int, int]] = []  # of a segment: where, and its number

    def __len__(self) -> int:
        return len(self.steps)

    def add(
        self, step: int, epoch: float, time: float, values: Mapping[str, float], segment: int = 0
    ) -> None:
        """Add a moment of ``segment``, at which ``values`` were measured."""
        if not self._begins or self._begins[-1][1] != segment:
            self._begins.append((len(self), segment))
        for name in values:
            if name not in self.figures:
                self.figures[name] = array("d", [NOT_MEASURED]) * len(self)
        for name, figure in self.figures.items():
            figure.append(values.get(name, NOT_MEASURED))
        self.steps.append(step)
        self.epochs.append(epoch)
        self.times.append(time)

    def drop_after(self, step: int) -> None:
        """Forget the moments of the newest segment that are after ``step``."""
        keep = bisect_right(self.steps, step, self._begins[-1][0]) if self._begins else 0
        for values in (self.steps, self.epochs, self.times, *self.figures.values()):
            del values[keep:]

    def segments(self) -> list[tuple[int, range]]:
        """The number of each segment, and the places of its moments."""
        ends = [begin for begin, _ in self._begins[1:]] + [len(self)]
        return [
            (segment, range(begin, end))
            for (begin, segment), end in zip(self._begins, ends, strict=True)
        ]


@dataclass(frozen=True)
class Series:
    """One figure of a track, by its name, such as ``train/loss``."""

    name: str
    track: Track
    values: array[float]

    def __iter__(self) -> Iterator[Point]:
        """Each value that was measured, in the order of the measurements."""
        track = self.track
        for segment, places in track.segments():
            for at in places:
                if not math.isnan(self.values[at]):
                    moment = track.steps[at], track.epochs[at], track.times[at]
                    yield Point(segment, *moment, self.values[at])

    @property
    def last(self) -> float | None:
        """The newest value; nothing where it was not finite."""
        measured = (value for value in reversed(self.values) if not math.isnan(value))
        newest = next(measured, NOT_FINITE)
        return newest if math.isfinite(newest) else None


class SeriesLog:
    """What a run's events have measured so far, by name.

    Figures of the training are called ``train/loss`` and so on, those of evaluations ``dev/...``
    and ``test/...``, those of the machine ``system/...`` (of a GPU ``system/gpu0_memory``), of the
    checkpoints ``checkpoints/...``; what another tool has measured is called as it calls it.
    """

    def __init__(self) -> None:
        self._tracks: dict[str, Track] = {}
        self.step = 0  # that was reached
        self._epoch = 0.0

    def __getitem__(self, name: str) -> Series:
        """The series called so.

        Raises:
            KeyError: nothing of that name was measured.
        """
        for track in self._tracks.values():
            if name in track.figures:
                return Series(name, track, track.figures[name])
        raise KeyError(name)

    def __contains__(self, name: str) -> bool:
        return any(name in track.figures for track in self._tracks.values())

    def names(self) -> list[str]:
        """The names of all series, in the order in which they were first measured."""
        return [name for track in self._tracks.values() for name in track.figures]

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        match event:
            case TrainLogged():
                loss = NOT_FINITE if event.loss is None else event.loss
                values = {"train/loss": loss, **_values("train", event)}
                self._add("train", event.step, event.epoch, event.time, values)
            case Evaluated():
                values = _values(event.split, event)
                self._add(event.split, event.step, event.epoch, event.time, values)
            case SystemSampled():
                values = _values("system", event) | _load(event.machine)
                self._track("system").add(self.step, self._epoch, event.time, values)
            case CheckpointSaved():
                values = _values("checkpoints", event)
                self._track("checkpoints").add(event.step, self._epoch, event.time, values)
            case MetricsLogged():
                values = {
                    name: NOT_FINITE if value is None else value
                    for name, value in event.values.items()
                }
                epoch = math.nan if event.epoch is None else event.epoch
                self.step, self._epoch = event.step, epoch
                moment = event.step, epoch, event.time
                self._track("metrics").add(*moment, values, event.segment)
            case StageProgressed(stage=stage) if stage == TRAINING_STAGE:
                self.step = event.done
            case RunResumed():
                self.step = event.step
                for track in self._tracks.values():
                    track.drop_after(event.step)
            case Replaced():
                self.__init__()

    def _add(
        self, track: str, step: int, epoch: float, time: float, values: Mapping[str, float]
    ) -> None:
        self.step, self._epoch = step, epoch
        self._track(track).add(step, epoch, time, values)

    def _track(self, name: str) -> Track:
        return self._tracks.setdefault(name, Track())


def _values(prefix: str, event: Event) -> dict[str, float]:
    figures = ((name, getattr(event, name)) for name in _FIGURES[type(event)])
    return {f"{prefix}/{name}": value for name, value in figures if value is not None}


def _load(machine: MachineLoad | None) -> dict[str, float]:
    """How busy the machine is, and each GPU of it: ``system/gpu0_memory``."""
    if machine is None:
        return {}
    figures = [(name, getattr(machine, name)) for name in _OF_MACHINE]
    for gpu in machine.gpus:
        figures += [(f"gpu{gpu.gpu}_{name}", getattr(gpu, name)) for name in _OF_GPU]
    return {f"system/{name}": value for name, value in figures if value is not None}
