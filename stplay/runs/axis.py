"""What a run's figures are laid out along: its steps, its epochs, or its seconds of training."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stplay.runs.series import SeriesLog, Track

Across = Literal["step", "epoch", "time"]
ACROSS: tuple[Across, ...] = get_args(Across)


class Axis:
    """Tells where on it each moment of a run is."""

    def __init__(self, log: SeriesLog, across: Across = "step") -> None:
        self.log, self.across = log, across

    def told(self, track: Track) -> array[int] | array[float]:
        """What ``track`` knows of its moments; of time that is the time of day."""
        return {"step": track.steps, "epoch": track.epochs, "time": track.times}[self.across]

    def places(self, told: ArrayLike) -> NDArray[np.float64]:
        """Where moments are that were told so, of the same shape."""
        found = np.array(told, np.float64)
        return np.interp(found, *self.log.clock.knots()) if self.across == "time" else found

    def told_at(self, *places: float) -> list[float]:
        """What is told of moments that are there."""
        if self.across != "time":
            return [*places]
        moments, seconds = self.log.clock.knots()
        return np.interp(places, seconds, moments).tolist()

    @property
    def extent(self) -> float:
        """Where the run is now."""
        if self.across == "step":
            return self.log.step
        ends = [told[-1] for track in self.log.tracks() if len(told := self.told(track))]
        return float(np.nanmax(self.places(ends))) if ends else 0.0

    def place_of(self, step: int) -> float:
        """Where ``step`` is, or what was measured last before it."""
        if self.across == "step":
            return step
        before = [
            (track.steps[at - 1], self.told(track)[at - 1])
            for track in self.log.tracks()
            if (at := bisect_right(track.steps, step))
        ]
        return float(self.places(max(before)[1])) if before else 0.0

    def step_at(self, place: float) -> int:
        """The step that is there, of those at which most was measured."""
        if self.across == "step":
            return round(place)
        track = max(self.log.tracks(), key=len)
        told = self.told(track)

        def place_at(moment: float) -> float:
            return float(self.places(moment))

        at = bisect_left(told, place, key=place_at)
        near = [each for each in (at - 1, at) if 0 <= each < len(track)]
        return track.steps[min(near, key=lambda each: abs(place_at(told[each]) - place))]

    def places_of_steps(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where the ``steps`` of another run are; of time only where this run has been."""
        if self.across == "step":
            return steps
        if self.across == "epoch":
            return steps * (self.extent / max(self.log.step, 1))
        track = max(self.log.tracks(), key=len)
        return np.interp(steps, track.steps, self.places(track.times), right=np.nan)
