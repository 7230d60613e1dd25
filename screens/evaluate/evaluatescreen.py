"""The Evaluate screen: choose models and data, watch the work, and read what it found."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from typing import ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from stplay.errors import UserError
from stplay.evaluations.evaluation import CANCELLED, Evaluation, Request
from stplay.screens.evaluate.earlierevaluations import EarlierEvaluations, choose_earlier
from stplay.screens.evaluate.evaluationform import EvaluationForm
from stplay.screens.evaluate.evaluationview import EvaluationView
from stplay.screens.evaluate.evaluationwatch import EvaluationWatch
from stplay.screens.evaluate.requested import Requested
from stplay.screens.shared.keyline import KeyLine
from stplay.screens.shared.topbar import TopBar


class EvaluateScreen(Screen[None]):
    """The form, the work, or the result: one of them at a time."""

    CSS_PATH: ClassVar = "evaluate.tcss"
    AUTO_FOCUS = ""  # the form focuses its button once there is something to start
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New"),
        Binding("o", "open", "Open"),
    ]

    topbar = getters.query_one(TopBar)
    form = getters.query_one(EvaluationForm)
    watch_ = getters.query_one(EvaluationWatch)
    view = getters.query_one(EvaluationView)

    def __init__(self, *, afresh: bool = False) -> None:
        super().__init__()
        self._afresh = afresh
        self._wanted: str | None = None

    def compose(self) -> ComposeResult:
        """All three, of which one is shown."""
        yield TopBar("evaluate")
        with Container(id="evaluate-room"):
            yield EvaluationForm()
            yield EvaluationWatch()
            yield EvaluationView()
        yield KeyLine()

    def on_mount(self) -> None:
        """Begin with what is at work, or else with the form."""
        self.topbar.place = platform.node()
        self._show(self.form)
        self.form.focus_start()
        if self._wanted is not None:
            self.form.choose(self._wanted)
        elif not self._afresh and (active := Evaluation.running()) is not None:
            self.show_work(active)

    def choose_model(self, name: str) -> None:
        """Offer to evaluate the model called ``name``."""
        self._wanted = name
        if self.is_mounted:
            self.form.choose(name)
            self.action_new()

    def _show(self, part: EvaluationForm | EvaluationWatch | EvaluationView) -> None:
        for each in (self.form, self.watch_, self.view):
            each.display = each is part
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        if not self.is_mounted:
            return True
        match action:
            case "new":
                return not self.form.display and not self.watch_.active
            case "open":
                return not self.watch_.active
        return True

    @on(EvaluationView.Changed)
    def _offer_keys(self) -> None:
        self.refresh_bindings()

    def action_new(self) -> None:
        """Show the form."""
        self._show(self.form)
        self.form.focus_start()
        self.form.refresh_lists()

    @on(Requested)
    def _evaluate(self, event: Requested) -> None:
        self._launch(event.request)

    @work(exclusive=True, group="launch")
    async def _launch(self, request: Request) -> None:
        try:
            evaluation = await asyncio.to_thread(Evaluation.create, request)
            self.show_work(evaluation)
            await asyncio.to_thread(evaluation.launch)
        except UserError as error:
            self._show(self.form)
            self.notify(error.sentence, severity="error", markup=False)

    def show_work(self, evaluation: Evaluation) -> None:
        """Show how far ``evaluation`` is."""
        self.watch_.open(evaluation)
        self._show(self.watch_)
        self.watch_.focus()

    def on_job_watch_status_changed(self) -> None:
        """Offer the keys that work now."""
        self.refresh_bindings()

    @on(EvaluationWatch.Ended)
    def _take_end(self, event: EvaluationWatch.Ended) -> None:
        match event.log.status:
            case "completed":
                self.show_results([event.evaluation])
            case "stopped":
                event.evaluation.discard()
                self.notify(CANCELLED)
                self.action_new()
        self.refresh_bindings()

    @on(EarlierEvaluations.Reopened)
    def _reopen(self, event: EarlierEvaluations.Reopened) -> None:
        self.show_results([event.evaluation])

    def show_results(self, shown: Sequence[Evaluation]) -> None:
        """Show finished evaluations side by side, where they judged the same rows."""
        try:
            self.view.open(shown)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        self._show(self.view)
        self.view.show_list()

    @work
    async def action_open(self) -> None:
        """Choose among all finished evaluations."""
        if (chosen := await choose_earlier(self.app, "Open an evaluation")) is not None:
            self.show_results([chosen])
