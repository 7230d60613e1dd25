"""A run's figures by name: whatever its events measure, as series over its steps."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from stplay.jobs.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    MachineLoad,
    MetricsLogged,
    Replaced,
    RunResumed,
    RunStarted,
    StageProgressed,
    SystemSampled,
    TrainLogged,
)
from stplay.runs.trainingclock import TrainingClock

TRAINING_STAGE = "training"
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
        self.drops = 0  # how often moments were forgotten
        self._begins: list[tuple[int, int]] = []  # of a segment: where, and its number

    def __len__(self) -> int:
        return len(self.steps)

    def add(
        self, step: int, epoch: float, time: float, values: Mapping[str, float], segment: int = 0
    ) -> None:
        """Add a moment of ``segment``, at which ``values`` were measured."""
        columns = {name: array("d", [value]) for name, value in values.items()}
        self.extend(array("q", [step]), array("d", [epoch]), array("d", [time]), columns, segment)

    def extend(
        self,
        steps: array[int],
        epochs: array[float],
        times: array[float],
        columns: Mapping[str, array[float]],
        segment: int = 0,
    ) -> None:
        """Add moments of ``segment``; each of ``columns`` has a value for each of them."""
        if not self._begins or self._begins[-1][1] != segment:
            self._begins.append((len(self), segment))
        for name in columns:
            if name not in self.figures:
                self.figures[name] = array("d", [NOT_MEASURED]) * len(self)
        for name, figure in self.figures.items():
            figure.extend(columns.get(name) or array("d", [NOT_MEASURED]) * len(steps))
        self.steps.extend(steps)
        self.epochs.extend(epochs)
        self.times.extend(times)

    def drop_after(self, step: int) -> None:
        """Forget the moments of the newest segment that are after ``step``."""
        keep = bisect_right(self.steps, step, self._begins[-1][0]) if self._begins else 0
        for values in (self.steps, self.epochs, self.times, *self.figures.values()):
            del values[keep:]
        self.drops += 1

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

    def at(self, step: int) -> Point | None:
        """The newest value up to ``step``, of the newest segment."""
        track = self.track
        begin = track.segments()[-1][1].start if len(track) else 0
        place = bisect_right(track.steps, step, begin) - 1
        while place >= begin and math.isnan(self.values[place]):
            place -= 1
        if place < begin:
            return None
        moment = track.steps[place], track.epochs[place], track.times[place]
        return Point(track.segments()[-1][0], *moment, self.values[place])

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
        self.clock = TrainingClock()
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

    def tracks(self) -> list[Track]:
        """Those that have something."""
        return [track for track in self._tracks.values() if len(track)]

    def names(self) -> list[str]:
        """The names of all series, in the order in which they were first measured."""
        return [name for track in self._tracks.values() for name in track.figures]

    def fold(self, events: Sequence[Event]) -> None:
        """Fold ``events`` in; what is logged many times in a row, all at once."""
        for kind, group in groupby(events, type):
            if kind is TrainLogged:
                self._log_training([*group])
            else:
                for event in group:
                    self.apply(event)

    def _log_training(self, events: Sequence[Event]) -> None:
        figures = {f"train/{name}": _column(name, events) for name in _FIGURES[TrainLogged]}
        figures = {name: column for name, column in figures.items() if column is not None}
        steps = array("q", [*map(attrgetter("step"), events)])
        epochs, times = (array("d", [*map(attrgetter(each), events)]) for each in ("epoch", "time"))
        self.clock.begin(times[0])
        self.track("train").extend(steps, epochs, times, figures)
        self.step, self._epoch = steps[-1], epochs[-1]

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        match event:
            case TrainLogged():
                self._log_training([event])
            case Evaluated():
                values = _values(event.split, event)
                self._add(event.split, event.step, event.epoch, event.time, values)
            case SystemSampled():
                values = _values("system", event) | _load(event.machine)
                self.track("system").add(self.step, self._epoch, event.time, values)
            case CheckpointSaved():
                values = _values("checkpoints", event)
                self.track("checkpoints").add(event.step, self._epoch, event.time, values)
            case MetricsLogged():
                values = {
                    name: NOT_FINITE if value is None else value
                    for name, value in event.values.items()
                }
                epoch = math.nan if event.epoch is None else event.epoch
                self.step, self._epoch = event.step, epoch
                self.clock.begin(event.time)
                moment = event.step, epoch, event.time
                self.track("metrics").add(*moment, values, event.segment)
            case StageProgressed(stage=stage) if stage == TRAINING_STAGE:
                self.step = event.done
            case RunStarted():
                self.clock.begin(event.time)
            case RunResumed():
                self.step = event.step
                for track in self._tracks.values():
                    track.drop_after(event.step)
                kept = (track.times[-1] for track in self.tracks())
                self.clock.resume(max(kept, default=self.clock.begun or event.time), event.time)
            case Replaced():
                self.__init__()

    def _add(
        self, track: str, step: int, epoch: float, time: float, values: Mapping[str, float]
    ) -> None:
        self.step, self._epoch = step, epoch
        self.clock.begin(time)
        self.track(track).add(step, epoch, time, values)

    def track(self, name: str) -> Track:
        """Of the figures that are measured together: ``train``, ``dev``, ``system`` and so on."""
        return self._tracks.setdefault(name, Track())


def _values(prefix: str, event: Event) -> dict[str, float]:
    figures = ((name, getattr(event, name)) for name in _FIGURES[type(event)])
    return {f"{prefix}/{name}": value for name, value in figures if value is not None}


def _column(name: str, events: Sequence[Event]) -> array[float] | None:
    """What was logged of one figure; nothing where it was not measured at all."""
    values = [*map(attrgetter(name), events)]
    try:
        return array("d", values)
    except TypeError:  # some were not measured, or the loss was not finite
        absent = NOT_FINITE if name == "loss" else NOT_MEASURED
        if name != "loss" and all(value is None for value in values):
            return None
        return array("d", [absent if value is None else value for value in values])


def _load(machine: MachineLoad | None) -> dict[str, float]:
    """How busy the machine is, and each GPU of it: ``system/gpu0_memory``."""
    if machine is None:
        return {}
    figures = [(name, getattr(machine, name)) for name in _OF_MACHINE]
    for gpu in machine.gpus:
        figures += [(f"gpu{gpu.gpu}_{name}", getattr(gpu, name)) for name in _OF_GPU]
    return {f"system/{name}": value for name, value in figures if value is not None}
