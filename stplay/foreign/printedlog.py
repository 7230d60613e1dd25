"""What a Trainer printed, followed: its figures, its progress, its evaluations, and its failure.

Steps stand on the progress bars alone. A bar is painted again behind each line of figures, so that
the bar behind it tells its step; where Python has kept lines back and many come at once, their
epochs tell how they share out the steps up to that bar.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from typing import Literal, NamedTuple

from stplay.exitcodes import FAILED, FINISHED
from stplay.foreign import printedlines
from stplay.foreign.cells import epoch_of, name_of, told
from stplay.foreign.printedlines import PrintedBar, PrintedEvaluation
from stplay.jobs.events import Event, MetricsLogged, Noted, RunFinished, StageProgressed
from stplay.runs.measurements import is_training_loss
from stplay.runs.series import TRAINING_STAGE
from stplay.text import clipped

NEAR_WHOLE = 0.05  # epochs so near to whole ones are those: the bar is a few steps ahead
MOST_PENDING = 10_000
MOST_STORY_LINES = 2_000
INTERRUPTED = "KeyboardInterrupt"
LONG_LINE = "A line longer than 64 KiB is left out."
NUMBERED = "No progress bar tells of steps here, so the lines of figures are numbered."
WORKED_OUT = (
    "Lines of figures came late and many at once, so their steps are worked out from their epochs; "
    "PYTHONUNBUFFERED=1 has Python print each at once."
)
OUTPUT_ENDED = "The output ended before the training did."

_LINE = re.compile(r"[^\r\n]*[\r\n]+")


class PrintedFigures(NamedTuple):
    """A line of figures, which came at ``time``."""

    values: dict[str, float]
    epoch: float | None
    time: float


class PrintedLog:
    """Turns the text of an output, as it comes, into events.

    ``moment`` tells the time of what comes now, ``began`` when its first training did, where that
    is known. A ``pipe`` ends when its writer does; of a file nobody knows.
    """

    def __init__(
        self, moment: Callable[[], float], began: float | None = None, *, pipe: bool = False
    ) -> None:
        self._moment = moment
        self._began = began
        self._pipe = pipe
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._tail = ""
        self._events: list[Event] = []
        self._noted: set[str] = set()
        # The training: its newest bar, whether it said its last figures, and how many it said.
        self._bar: PrintedBar | None = None
        self._other: PrintedBar | None = None  # of an evaluation, or of a training that begins
        self._progress: StageProgressed | None = None
        self._segment = self._figures = self._numbered = 0
        self._numbered_epoch: float | None = None
        self._finished = self._ended = False
        self._pending: list[PrintedFigures] = []
        self._pair: tuple[float, int] | None = None  # an epoch, and the step that it is
        # The evaluation that is being told, and the end of a failure.
        self._evaluation: PrintedEvaluation | None = None
        self._scores = ""
        self._measured: dict[str, float | None] = {}
        self._story: list[str] = []
        self._failure: str | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events of what came; a last line without its end is left for later."""
        text = self._tail + self._decoder.decode(data)
        # No further: a line without its end would be looked through from each of its signs on.
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        for found in _LINE.finditer(text, 0, end):
            self._line(found[0])
        self._tail = text[end:]
        if len(self._tail) > printedlines.MOST_LINE:
            self._tail = ""
            self._note("warning", LONG_LINE)
        self._close_progress()
        return self._taken()

    def settle(self, ended: bool = False) -> list[Event]:
        """The events of what is left, where nothing has come for a while, or nothing will."""
        if self._tail and (ended or printedlines.is_whole(self._tail)):
            line, self._tail = self._tail, ""
            self._line(line)
        self._close_evaluation()
        self._resolve(None)
        self._close_progress()
        if ended or not self._pipe:
            self._end(ended)
        return self._taken()

    def _end(self, ended: bool) -> None:
        """Tell how the training has ended, as far as the output tells."""
        if self._ended:
            return
        if self._failure is not None:
            outcome = "stopped" if self._failure.startswith(INTERRUPTED) else "failed"
            self._finish(
                RunFinished(
                    outcome=outcome,
                    exit_code=FAILED,
                    error=self._failure,
                    details="\n".join(self._story),
                )
            )
        elif self._finished:
            self._finish(RunFinished(outcome="completed", exit_code=FINISHED))
        elif ended:
            self._finish(RunFinished(outcome="stopped", exit_code=FAILED, error=OUTPUT_ENDED))

    def _finish(self, word: RunFinished) -> None:
        word.time, self._ended = self._now(), True
        self._events.append(word)

    def _taken(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _line(self, line: str) -> None:
        if len(line) > printedlines.MOST_LINE:
            self._note("warning", LONG_LINE)
            return
        text = printedlines.cleaned(line).rstrip("\r\n")
        if (bar := printedlines.bar_of(text)) is not None:
            self._close_evaluation()
            self._take_bar(bar)
            text = bar.rest
        if not text.strip():
            return
        if (figures := printedlines.figures_of(text)) is not None:
            self._close_evaluation()
            self._take_figures(figures)
        elif (begun := printedlines.evaluation_of(text)) is not None:
            self._close_evaluation()
            self._evaluation, self._scores = begun, ""
            if begun.epoch and begun.step:
                self._pair = begun.epoch, begun.step
        elif self._evaluation is None or not self._take_measured(text):
            self._take_story(text)

    def _take_bar(self, bar: PrintedBar) -> None:
        """Tell the bar of the training from those of its evaluations, which bear no name either."""
        if bar.label or not bar.total or bar.done > bar.total:
            return
        training = self._bar
        if training is None or (bar.total == training.total and bar.done >= training.done):
            self._other = None
            self._go_on(bar)
            return
        over = self._finished or training.done == training.total or bar.total == training.total
        self._other = bar
        if over and any(map(is_training_loss, self._pending_names())):
            self._segment += self._figures > len(self._pending)
            self._bar = self._other = self._pair = self._progress = self._began = None
            self._finished = self._ended = False
            self._figures = len(self._pending)
            self._go_on(bar)

    def _pending_names(self) -> set[str]:
        return {name for figures in self._pending for name in figures.values}

    def _go_on(self, bar: PrintedBar) -> None:
        """The training has come so far."""
        first, self._bar = self._bar is None, bar
        self._survive()
        if self._began is None:
            self._began = self._moment() - bar.elapsed
        self._progress = StageProgressed(
            time=self._now(), stage=TRAINING_STAGE, done=bar.done, total=bar.total, unit="steps"
        )
        if first:  # where the pace is measured from
            self._close_progress()
        self._resolve(bar)

    def _close_progress(self) -> None:
        """Of many bars that came together, the last one tells all."""
        if self._progress is not None:
            self._events.append(self._progress)
            self._progress = None

    def _now(self) -> float:
        """The time of what comes now, as the newest bar tells it."""
        if self._began is None or self._bar is None:
            return self._moment()
        return max(0.0, self._began + self._bar.elapsed)

    def _take_figures(self, figures: dict[str, float]) -> None:
        self._survive()
        epoch = epoch_of(figures.pop("epoch", None))
        self._pending.append(PrintedFigures(figures, epoch, self._now()))
        self._figures += 1
        self._finished |= "train_runtime" in figures
        if len(self._pending) > MOST_PENDING:
            self._resolve(None)

    def _resolve(self, bar: PrintedBar | None) -> None:
        """Tell the figures that wait for the ``bar`` behind them, or for none any more."""
        pending, self._pending = self._pending, []
        newest = bar or self._bar
        if not pending:
            return
        if newest is None:
            self._resolve_without_bars(pending)
            return
        epochs = {each.epoch for each in pending}
        last = next((each for each in reversed(pending) if each.epoch), None)
        if last is None or (len(epochs) == 1 and "train_runtime" not in last.values):
            for each in pending:
                self._tell(newest.done, each)
            return
        ratio = self._steps_an_epoch(last, newest)
        for each in pending:
            step = newest.done if each.epoch is None else round(each.epoch * ratio)
            self._tell(min(newest.total, step), each)
        if len(epochs) > 1:
            self._note("info", WORKED_OUT)

    def _steps_an_epoch(self, last: PrintedFigures, bar: PrintedBar) -> float:
        assert last.epoch
        if "train_runtime" in last.values:
            return bar.done / last.epoch
        if self._pair is not None:
            return self._pair[1] / self._pair[0]
        epochs = bar.total * last.epoch / max(1, bar.done)
        whole = max(1, round(epochs))
        return bar.total / (whole if abs(epochs - whole) < NEAR_WHOLE * whole else epochs)

    def _resolve_without_bars(self, pending: list[PrintedFigures]) -> None:
        """Tell the figures by what evaluators say of steps, or number them where nothing does."""
        if self._pair is not None and not self._numbered:
            ratio = self._pair[1] / self._pair[0]
            for each in pending:
                self._tell(round((each.epoch or 0.0) * ratio), each)
            return
        for each in pending:
            if each.epoch is None or each.epoch != self._numbered_epoch:
                self._numbered += 1
            self._numbered_epoch = each.epoch
            self._tell(self._numbered, each)
        self._note("info", NUMBERED)

    def _tell(self, step: int, figures: PrintedFigures) -> None:
        values = {name: told(value) for name, value in figures.values.items()}
        self._measure(figures.time, step, figures.epoch, values)

    def _measure(
        self, time: float, step: int, epoch: float | None, values: dict[str, float | None]
    ) -> None:
        self._events.append(
            MetricsLogged(time=time, step=step, epoch=epoch, values=values, segment=self._segment)
        )

    def _take_measured(self, text: str) -> bool:
        """Whether ``text`` is of the evaluation that is being told."""
        if (scores := printedlines.scores_of(text)) is not None:
            self._scores = scores
            return True
        figures = printedlines.measured_by(text, self._scores)
        if figures is None:
            self._close_evaluation()
            return False
        data = self._evaluation.data if self._evaluation is not None else ""
        for name, value in figures.items():
            self._measured[name_of(f"{data} {name}".strip())] = told(value)
        return True

    def _close_evaluation(self) -> None:
        begun, self._evaluation = self._evaluation, None
        values, self._measured = self._measured, {}
        if begun is None or not values:
            return
        if self._bar is None:
            step = self._numbered if begun.step is None or self._numbered else begun.step
        else:
            step = self._bar.done if begun.step is None else begun.step
        self._measure(self._now(), step, begun.epoch, values)

    def _take_story(self, text: str) -> None:
        """Keep what may be the story of the training's end."""
        if (cancelled := printedlines.cancelled_by(text)) is not None:
            self._story, self._failure = [*self._story, text], clipped(cancelled)
        elif printedlines.TRACEBACK in text or self._story:
            self._story.append(text)
            del self._story[:-MOST_STORY_LINES]
            if printedlines.is_last_word(text):
                self._failure = clipped(text.strip())

    def _survive(self) -> None:
        """The training goes on: what was told of a failure was none of its own."""
        self._story, self._failure, self._ended = [], None, False

    def _note(self, level: Literal["info", "warning"], words: str) -> None:
        if words not in self._noted:
            self._noted.add(words)
            self._events.append(Noted(time=self._moment(), level=level, text=words))
