"""An evaluation at work: how far it is, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import ProgressBar, Static

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation, EvaluationLog
from stplay.jobs.events import Event
from stplay.jobs.worklog import SIGNS, TONES, stage_words
from stplay.screens.evaluate.requested import Requested
from stplay.screens.shared.dialog import Question
from stplay.screens.shared.jobwatch import JobWatch
from stplay.text import duration, printable


class EvaluationWatch(JobWatch[EvaluationLog], can_focus=True):
    """Follows an evaluation's event log until its end."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "Cancel"),
        Binding("r", "retry", "Try again"),
    ]

    state = getters.query_one("#watch-state", Static)
    bar = getters.query_one("#watch-progress", ProgressBar)
    left = getters.query_one("#watch-left", Static)
    stage = getters.query_one("#watch-stage", Static)
    notes = getters.query_one("#watch-notes", Static)

    @dataclass
    class Ended(Message):
        """The evaluation has ended, one way or another."""

        evaluation: Evaluation
        log: EvaluationLog

    def __init__(self) -> None:
        super().__init__(EvaluationLog())
        self.evaluation: Evaluation | None = None

    def compose(self) -> ComposeResult:
        """The state, the bar, and what is being done."""
        with Horizontal(id="watch-head"):
            yield Static(id="watch-state")
            yield ProgressBar(show_percentage=True, show_eta=False, id="watch-progress")
            yield Static(id="watch-left")
        yield Static(id="watch-stage")
        yield Static(id="watch-notes")

    def open(self, evaluation: Evaluation) -> None:
        """Follow ``evaluation`` from its first event on."""
        self.evaluation = evaluation
        self.follow(evaluation)

    @property
    def active(self) -> bool:
        """Whether an evaluation is at work here, as far as is known."""
        return self.follower is not None and self.job_log.status != "lost"

    def show_events(self, events: list[Event]) -> None:
        """Show where the evaluation stands; once it is over, follow it no more, and say so."""
        self.refresh_view()
        if self.evaluation is not None and self.follower is not None and self.follower.over:
            self.leave()
            self.post_message(self.Ended(self.evaluation, self.job_log))

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

    def refresh_view(self) -> None:
        """Paint everything from what is known."""
        log, evaluation = self.job_log, self.evaluation
        if evaluation is None:
            return
        self.state.update(Content.assemble((printable(evaluation.id), "bold"), f"   {log.state}"))
        stage = log.stage
        self.bar.display = log.active
        if stage is not None and log.status == "running":
            self.bar.update(total=stage.total, progress=stage.done)
        left = log.seconds_left()
        words = f"{duration(left)} left" if left is not None else ""
        self.left.update(words)
        told = stage_words(stage) if stage else "starting the evaluation process"
        told = told[:1].upper() + told[1:] if log.active else ""
        self.stage.update(Content(told))
        notes = [Content.styled(f"! {printable(note.text)}", "$warning") for note in log.notes[-4:]]
        if log.error and not any(note.text == log.error for note in log.notes):
            words = f"{SIGNS[log.status]} {printable(log.error)}"
            notes.append(Content.styled(words, f"${TONES[log.status]}"))
        self.notes.update(Content("\n").join(notes))
