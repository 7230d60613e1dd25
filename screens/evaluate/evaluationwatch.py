"""An evaluation at work: how far it is, and how it ended."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import ProgressBar, Static

from stplay.evaluations.evaluation import Evaluation, EvaluationLog
from stplay.jobs.events import Event
from stplay.jobs.worklog import SIGNS, stage_words
from stplay.screens.shared.jobwatch import JobWatch
from stplay.text import duration, printable


class EvaluationWatch(JobWatch[EvaluationLog]):
    """Follows an evaluation's event log until its end."""

    class Ended(Message):
        """The evaluation has ended, one way or another."""

        def __init__(self, evaluation: Evaluation, log: EvaluationLog) -> None:
            super().__init__()
            self.evaluation = evaluation
            self.log = log

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

    def refresh_view(self) -> None:
        """Paint everything from what is known."""
        log, evaluation = self.job_log, self.evaluation
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
            style = "$warning" if log.status == "lost" else "$error"
            notes.append(Content.styled(f"{SIGNS[log.status]} {printable(log.error)}", style))
        self.query_one("#watch-notes", Static).update(Content("\n").join(notes))
