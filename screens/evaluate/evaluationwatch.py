"""An evaluation at work: how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import ProgressBar, Static

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation, EvaluationLog
from stplay.jobs.events import EventReader
from stplay.jobs.worklog import SIGNS, TONES, stage_words
from stplay.screens.evaluate.requested import Requested
from stplay.screens.shared.dialog import Question
from stplay.text import duration, printable

POLL_SECONDS = 0.1
CHECK_SECONDS = 1.0


class EvaluationWatch(Vertical, can_focus=True):
    """Follows an evaluation's event log until its end."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "Cancel"),
        Binding("r", "retry", "Try again"),
    ]

    @dataclass
    class Ended(Message):
        """The evaluation has ended, one way or another."""

        evaluation: Evaluation
        log: EvaluationLog

    def __init__(self) -> None:
        super().__init__()
        self.evaluation: Evaluation | None = None
        self.evaluation_log = EvaluationLog()
        self._reader: EventReader | None = None
        self._offered = False

    def compose(self) -> ComposeResult:
        """The state, the bar, and what is being done."""
        with Horizontal(id="watch-head"):
            yield Static(id="watch-state")
            yield ProgressBar(show_percentage=True, show_eta=False, id="watch-progress")
            yield Static(id="watch-left")
        yield Static(id="watch-stage")
        yield Static(id="watch-notes")

    def on_mount(self) -> None:
        """Look for news several times a second."""
        self.set_interval(POLL_SECONDS, self._poll)
        self.set_interval(CHECK_SECONDS, self._check_worker)

    def open(self, evaluation: Evaluation) -> None:
        """Follow ``evaluation`` from its first event on."""
        self.evaluation = evaluation
        self.evaluation_log = EvaluationLog()
        self._reader = EventReader(evaluation.events_path)
        self._poll()

    @property
    def active(self) -> bool:
        """Whether an evaluation is at work here, as far as is known."""
        return self._reader is not None and self.evaluation_log.status != "lost"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        match action:
            case "cancel":
                return self.active
            case "retry":
                return not self.active
        return True

    @work
    async def action_cancel(self) -> None:
        """Cancel the evaluation, once the person has confirmed it."""
        evaluation = self.evaluation
        question = Question(
            "Cancel the evaluation? What it has found so far is thrown away.",
            yes="Cancel it",
            no="Go on",
        )
        if evaluation is not None and await self.app.push_screen_wait(question):
            try:
                evaluation.request_stop()
            except UserError as error:
                self.notify(error.sentence, severity="error", markup=False)

    def action_retry(self) -> None:
        """Evaluate the same once more."""
        if self.evaluation is not None:
            try:
                self.post_message(Requested(self.evaluation.request()))
            except UserError as error:
                self.notify(error.sentence, severity="error", markup=False)

    def _poll(self) -> None:
        if self._reader is None:
            return
        for event in self._reader.read():
            self.evaluation_log.apply(event)
        self._show()
        self._tell_end()
        if self.active != self._offered:  # lost, or heard of again: other keys work
            self._offered = self.active
            self.screen.refresh_bindings()

    def _check_worker(self) -> None:
        if self._reader is None or self.evaluation is None:
            return
        self.evaluation.check_worker(self.evaluation_log)
        self._tell_end()

    def _tell_end(self) -> None:
        if self.evaluation is not None and not self.evaluation_log.active:
            self._reader = None
            self._show()
            self.post_message(self.Ended(self.evaluation, self.evaluation_log))

    def _show(self) -> None:
        log, evaluation = self.evaluation_log, self.evaluation
        if evaluation is None:
            return
        self.query_one("#watch-state", Static).update(
            Content.assemble((printable(evaluation.id), "bold"), f"   {log.state}")
        )
        bar, stage = self.query_one("#watch-progress", ProgressBar), log.stage
        bar.display = log.active
        if stage is not None and log.status == "running":
            bar.update(total=stage.total, progress=stage.done)
        left = log.seconds_left()
        words = f"{duration(left)} left" if left is not None else ""
        self.query_one("#watch-left", Static).update(words)
        told = stage_words(stage) if stage else "starting the evaluation process"
        told = told[:1].upper() + told[1:] if log.active else ""
        self.query_one("#watch-stage", Static).update(Content(told))
        notes = [Content.styled(f"! {printable(note.text)}", "$warning") for note in log.notes[-4:]]
        if log.error and not any(note.text == log.error for note in log.notes):
            words = f"{SIGNS[log.status]} {printable(log.error)}"
            notes.append(Content.styled(words, f"${TONES[log.status]}"))
        self.query_one("#watch-notes", Static).update(Content("\n").join(notes))
