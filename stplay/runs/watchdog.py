"""What people should know of a training before they look at its curves: words when they help.

It is concluded from events alone, so that it is the same live, after a resume, and of old logs.
What is wrong is said once, and again only when it was over and has come back.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from itertools import pairwise
from statistics import fmean
from typing import Any, Literal, NamedTuple

from stplay.jobs.events import (
    CheckpointSaved,
    Evaluated,
    Event,
    GpuLoad,
    MachineFound,
    Noted,
    Replaced,
    RunResumed,
    RunStarted,
    StageProgressed,
    SystemSampled,
    TrainLogged,
    WorkerStarted,
)
from stplay.jobs.gpuload import POWER_LIMIT
from stplay.runs.series import TRAINING_STAGE
from stplay.text import count, decimals, duration, printable, size

PATIENCE = 10  # evaluations that better nothing
LATELY = 3  # evaluations that have to agree on it
LEAST_FALL, LEAST_RISE = 0.01, 0.05  # of an accuracy, and of the best loss as a share of it
LEAST_EVALUATING_SECONDS = 60.0
LEISURE = 1.25  # times what was too little, before it is said to be enough again
WATCHED_SAMPLES = 30  # of a GPU while steps are taken: a minute
IDLE_PERCENT, BUSY_PERCENT = 40.0, 60.0
SLOW_STEP_SECONDS = 0.05
SLOWED_SAMPLES, COOL_SAMPLES = 5, 15
GROWING_CHECKPOINTS = 3  # from then on each that is kept adds as much as the one before it


class DevFigures(NamedTuple):
    """What an evaluation on dev found, and the mean training loss since the one before it."""

    step: int
    rows: int
    accuracy: float | None
    loss: float | None
    training_loss: float | None


class Watchdog:
    """Tells what is wrong with a training, from its events in their order."""

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._recipe: dict[str, Any] = {}
        self._precision = ""
        self._total_steps = 0
        self._step = 0
        self._losses: list[float] = []  # since the last evaluation
        self._evaluations: list[DevFigures] = []
        self._clock = StageClock()
        self._found: MachineFound | None = None
        self._uses: deque[float] = deque(maxlen=WATCHED_SAMPLES)
        self._slowed: dict[str, deque[tuple[str, ...]]] = {}
        self._disk_left: int | None = None
        self._saved: list[CheckpointSaved] = []

    def apply(self, event: Event) -> list[Noted]:
        """What there is to say now that ``event`` has happened."""
        self._clock.apply(event)
        match event:
            case RunStarted():
                self._recipe, self._precision = event.recipe, event.precision
                self._total_steps = event.total_steps
            case WorkerStarted():  # what it is told of the machine is of another one, maybe
                self._uses.clear()
                self._slowed.clear()
                self._disk_left = None
            case MachineFound():
                self._found = event
            case RunResumed():
                self._forget_after(event.step)
            case Replaced():
                self.__init__()
            case StageProgressed(stage=stage) if stage == TRAINING_STAGE:
                self._step = event.done
            case TrainLogged():
                return [*self._of_step(event)]
            case Evaluated(split="dev"):
                return [*self._of_evaluation(event)]
            case CheckpointSaved():
                self._saved.append(event)
                return [*self._of_disk()]
            case SystemSampled():
                return [*self._of_sample(event)]
        return []

    def _forget_after(self, step: int) -> None:
        self._step = step
        self._losses.clear()
        self._evaluations = [each for each in self._evaluations if each.step <= step]
        self._saved = [each for each in self._saved if each.step <= step]

    def _tell(self, watch: str, words: str | None, *, harmless: bool = False) -> Iterator[Noted]:
        """Say ``words`` where that was not said yet; nothing is wrong where there are none."""
        if words is None:
            self._said.discard(watch)
        elif watch not in self._said:
            self._said.add(watch)
            yield Noted(level="info" if harmless else "warning", text=words)

    def _setting(self, section: str, name: str) -> float | None:
        """A number of the recipe, which somebody else may have written."""
        fields = self._recipe.get(section)
        value = fields.get(name) if isinstance(fields, dict) else None
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def _of_step(self, event: TrainLogged) -> Iterator[Noted]:
        self._step = event.step
        words = f"A loss up to step {count(event.step)} is not finite."
        yield from self._tell("loss", words if event.loss is None else None)
        if event.loss is not None and math.isfinite(event.loss):
            self._losses.append(event.loss)
        # In fp16 such a step is skipped, and the next ones are scaled less.
        clipped = (self._setting("training", "max_grad_norm") or 0) > 0
        is_told = clipped and self._precision != "fp16"
        words = f"The gradient of step {count(event.step)} is not finite."
        is_wrong = is_told and event.gradient_norm is None and event.loss is not None
        yield from self._tell("gradient", words if is_wrong else None)

    def _of_evaluation(self, event: Evaluated) -> Iterator[Noted]:
        training_loss = fmean(self._losses) if self._losses else None
        self._losses.clear()
        self._evaluations.append(
            DevFigures(event.step, event.rows, event.max_accuracy, event.loss, training_loss)
        )
        yield from self._tell("plateau", self._plateau(), harmless=True)
        words = self._overfit()
        if words or self._has_bettered():
            yield from self._tell("overfit", words)
        words = self._clock.words()
        if words or self._clock.training > LEISURE * self._clock.evaluating:
            yield from self._tell("evaluating", words)

    def _has_bettered(self) -> bool:
        newest = len(self._evaluations) - 1
        return newest in (self._best("accuracy"), self._best("loss"))

    def _best(self, name: Literal["accuracy", "loss"]) -> int | None:
        """The place of the evaluation that was the best by ``name``, the first of equal ones."""
        sign = 1 if name == "accuracy" else -1
        values = [(getattr(each, name), at) for at, each in enumerate(self._evaluations)]
        told = [(sign * value, -at) for value, at in values if value is not None]
        return -max(told)[1] if told else None

    def _plateau(self) -> str | None:
        """That neither accuracy nor loss on dev has become better for long."""
        bests = {name: self._best(name) for name in ("accuracy", "loss")}
        places = [at for at in bests.values() if at is not None]
        if not places or len(self._evaluations) - 1 - max(places) < PATIENCE:
            return None
        told = [
            f"its best {name} was {decimals(getattr(best, name), places_)}, at step "
            f"{count(best.step)}"
            for name, places_ in (("accuracy", 3), ("loss", 4))
            if (at := bests[name]) is not None
            for best in [self._evaluations[at]]
        ]
        return f"dev has not become better for {PATIENCE} evaluations: {', and '.join(told)}."

    def _overfit(self) -> str | None:
        """That dev becomes worse while the training loss still falls."""
        by_accuracy = any(each.accuracy is not None for each in self._evaluations)
        name = "accuracy" if by_accuracy else "loss"
        at = self._best(name)
        if at is None or len(self._evaluations) - 1 - at < LATELY:
            return None
        best, latest = self._evaluations[at], self._evaluations[-LATELY:]
        top, values = getattr(best, name), [getattr(each, name) for each in latest]
        if not top or None in values or not all(self._is_worse(best, value) for value in values):
            return None
        before = [each.training_loss for each in self._evaluations[max(0, at - 1) : at + 1]]
        then = fmean(told) if (told := [loss for loss in before if loss is not None]) else None
        lately = [each.training_loss for each in latest if each.training_loss is not None]
        if then is None or len(lately) < LATELY or fmean(lately) >= then:
            return None
        moved, places = ("fallen", 3) if by_accuracy else ("risen", 4)
        return (
            f"On dev the {name} has {moved} from {decimals(top, places)}, at step "
            f"{count(best.step)}, to {decimals(values[-1], places)}, while the training loss has "
            f"fallen from {decimals(then, 4)} to {decimals(fmean(lately), 4)}: the model may be "
            "learning its rows by heart."
        )

    @staticmethod
    def _is_worse(best: DevFigures, value: float) -> bool:
        """Whether ``value`` is further from the best than chance would have it."""
        if best.accuracy is None:
            return best.loss is not None and value > best.loss + LEAST_RISE * abs(best.loss)
        chance = 2 * math.sqrt(best.accuracy * (1 - best.accuracy) / max(1, best.rows))
        return value < best.accuracy - max(LEAST_FALL, chance)

    def _of_sample(self, event: SystemSampled) -> Iterator[Noted]:
        if event.machine is None:
            return
        self._disk_left = event.machine.disk_left
        yield from self._of_disk()
        taken = {gpu.gpu for gpu in self._found.gpus if gpu.taken} if self._found else set()
        loads = [load for load in event.machine.gpus if load.gpu in taken]
        for load in loads:
            yield from self._of_clocks(load)
        uses = [load.use for load in loads if load.use is not None]
        if uses and self._clock.is_training:
            self._uses.append(fmean(uses))
            yield from self._of_waiting(event, len(uses))

    def _of_clocks(self, load: GpuLoad) -> Iterator[Noted]:
        """That something holds down the clocks of a GPU; at its power limit each one is at work."""
        reasons = tuple(reason for reason in load.slowed if reason != POWER_LIMIT)
        seen = self._slowed.setdefault(load.gpu, deque(maxlen=COOL_SAMPLES))
        seen.append(reasons)
        watch = f"clocks of {load.gpu}"
        if all([*seen][-SLOWED_SAMPLES:]) and len(seen) >= SLOWED_SAMPLES:
            heat = f", at {load.temperature:.0f} °C" if load.temperature is not None else ""
            by = printable(" and ".join(reasons))
            yield from self._tell(watch, f"GPU {printable(load.gpu)} is slowed down by {by}{heat}.")
        elif len(seen) == COOL_SAMPLES and not any(seen):
            yield from self._tell(watch, None)

    def _of_waiting(self, event: SystemSampled, gpus: int) -> Iterator[Noted]:
        """That a GPU is idle for most of the time in which slow steps are taken."""
        pace = self._clock.seconds_a_step
        if len(self._uses) < WATCHED_SAMPLES or pace is None:
            return
        use = fmean(self._uses)
        if use < IDLE_PERCENT and pace >= SLOW_STEP_SECONDS:
            yield from self._tell(
                "waiting",
                f"The {'GPU was' if gpus == 1 else 'GPUs were'} busy for {use:.0f} % of the last "
                f"minute of training, in which a step took {decimals(pace, 2)} s and the process "
                f"kept {decimals(event.cpu_percent / 100, 1)} processors busy: something keeps it "
                "waiting, such as data or other processes.",
            )
        elif use > BUSY_PERCENT:
            yield from self._tell("waiting", None)

    def _of_disk(self) -> Iterator[Noted]:
        needed = self._bytes_to_come()
        if needed is None or self._disk_left is None:
            return
        words = (
            f"The disk has {size(self._disk_left)} left, and the checkpoints and the model that "
            f"are to come take about {size(needed)}: free some room, or keep fewer checkpoints "
            "(training.save_total_limit)."
        )
        if needed > self._disk_left:
            yield from self._tell("disk", words)
        elif LEISURE * needed < self._disk_left:
            yield from self._tell("disk", None)

    def _bytes_to_come(self) -> float | None:
        """What the checkpoints that will be kept, and the model at the end, will take."""
        every = self._setting("training", "save_steps")
        kept = self._saved[-1].kept if self._saved else 0
        if kept < GROWING_CHECKPOINTS or len(self._saved) < GROWING_CHECKPOINTS or not every:
            return None
        # Older ones are bare models, the newest are whole, and one comes before another goes.
        grown = [(now.disk_bytes, now.kept) for now in self._saved]
        models = [
            now - then
            for (then, before), (now, after) in pairwise(grown)
            if after == before + 1 > GROWING_CHECKPOINTS - 1 and now > then
        ]
        if not models:
            return None
        left = max(0, self._total_steps - self._saved[-1].step)
        to_come = math.ceil(left / every)
        limit = self._setting("training", "save_total_limit")
        kept_more = to_come if limit is None else min(to_come, max(0, int(limit) - kept))
        if not to_come:
            return None
        first = self._saved[0]
        return models[-1] * (kept_more + 1) + first.disk_bytes / max(1, first.kept)


class StageClock:
    """How long the training took so far, and how long its evaluations."""

    def __init__(self) -> None:
        self.training = self.evaluating = 0.0
        self.evaluations = self.steps = 0
        self.is_training = False
        self._is_evaluating = False
        self._last: tuple[float, int] | None = None  # when, and after how many steps
        self._pace: deque[tuple[float, int]] = deque(maxlen=WATCHED_SAMPLES)

    @property
    def seconds_a_step(self) -> float | None:
        """The pace of the newest steps."""
        steps = sum(steps for _, steps in self._pace)
        return sum(seconds for seconds, _ in self._pace) / steps if steps else None

    def apply(self, event: Event) -> None:
        """Take the time of ``event``."""
        match event:
            case StageProgressed(stage=stage) if stage == TRAINING_STAGE:
                self._count(event.time, event.done)
                self.is_training, self._is_evaluating = True, False
                self._last = event.time, event.done
            case StageProgressed():
                if self.is_training:  # else it evaluates before the first step, or saves
                    self._count(event.time, self._last[1] if self._last else 0)
                    self.is_training, self._is_evaluating = False, True
                    self._last = event.time, self._last[1] if self._last else 0
            case Evaluated(split="dev") if self._is_evaluating and self._last is not None:
                self.evaluating += max(0.0, event.time - self._last[0])
                self.evaluations += 1
                self._is_evaluating, self._last = False, None
            case WorkerStarted() | RunResumed() | CheckpointSaved():
                self.is_training = self._is_evaluating = False
                self._last = None

    def _count(self, time: float, step: int) -> None:
        if self.is_training and self._last is not None:
            seconds, steps = max(0.0, time - self._last[0]), max(0, step - self._last[1])
            self.training += seconds
            self._pace.append((seconds, steps))

    def words(self) -> str | None:
        """That the evaluations take longer than what they evaluate."""
        if self.evaluations < LATELY or self.evaluating < LEAST_EVALUATING_SECONDS:
            return None
        if self.evaluating <= self.training:
            return None
        return (
            f"{count(self.evaluations)} evaluations took {duration(self.evaluating)}, and the "
            f"training beside them {duration(self.training)}: a larger evaluation.eval_steps, or "
            "a smaller data.dev_rows, would leave more time for it."
        )
