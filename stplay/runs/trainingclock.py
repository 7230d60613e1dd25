"""The training's own time: what passed between a stop and a resume is no part of it."""

from __future__ import annotations


class TrainingClock:
    """Counts the seconds of a run from its first step, without its breaks.

    What a resume takes the place of was a break too: its time is that of what is kept.
    """

    def __init__(self) -> None:
        self.begun: float | None = None  # in seconds since 1970, as all that are told
        self.breaks: list[tuple[float, float]] = []

    def begin(self, time: float) -> None:
        """The first step is taken, or what was measured first; later ones change nothing."""
        if self.begun is None:
            self.begun = time

    def resume(self, last: float, time: float) -> None:
        """It goes on at ``time`` after what was measured ``last``."""
        self.breaks = [each for each in self.breaks if each[1] <= last]
        if time > last:
            self.breaks.append((last, time))

    def knots(self) -> tuple[list[float], list[float]]:
        """Moments, and the seconds that were counted by then; between two both go on evenly."""
        begun = self.begun or 0.0
        moments, seconds = [begun], [0.0]
        for begin, end in self.breaks:
            counted = seconds[-1] + begin - moments[-1]
            moments += [begin, end]
            seconds += [counted, counted]
        later = 1e9  # there is none after it
        return [begun - later, *moments, moments[-1] + later], [
            -later,
            *seconds,
            seconds[-1] + later,
        ]
