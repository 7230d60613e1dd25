"""The Evaluate screen: choose models and data, watch the work, and read what it found."""

from __future__ import annotations

import asyncio
import platform
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import msgspec
from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer

from stplay.errors import UserError
from stplay.evaluations import writtencards
from stplay.evaluations.evaluation import CANCELLED, Evaluation, Request, with_checkpoints
from stplay.evaluations.wrongtriplets import FORMATS
from stplay.screens.evaluate.evaluationform import EvaluationForm, earlier
from stplay.screens.evaluate.evaluationview import EvaluationView
from stplay.screens.evaluate.evaluationwatch import EvaluationWatch
from stplay.screens.evaluate.tripletlist import TripletList
from stplay.screens.shared.dialog import Choice, Question
from stplay.screens.shared.topbar import TopBar
from stplay.sources.names import RunName
from stplay.text import count, printable

if TYPE_CHECKING:
    from stplay.screens.app import StplayApp


class EvaluateScreen(Screen[None]):
    """The form, the work, or the result: one of them at a time."""

    CSS_PATH: ClassVar = "evaluate.tcss"
    AUTO_FOCUS = ""  # the form focuses its button once there is something to start
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-short"), (34, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "Cancel"),
        Binding("r", "retry", "Try again"),
        Binding("e", "explore", "Explore"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("m", "model", "Model"),
        Binding("b", "other", "Other right"),
        Binding("s", "split", "Split"),
        Binding("d", "similarity", "Similarity"),
        Binding("i", "breakdown", "Breakdown"),
        Binding("k", "checkpoints", "Checkpoints"),
        Binding("n", "new", "New"),
        Binding("o", "open", "Open"),
        Binding("a", "add", "Add earlier"),
        Binding("x", "export", "Export"),
        Binding("w", "write_card", "Write card"),
        Binding("escape", "leave", "Leave the field", show=False),
    ]

    app: StplayApp
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
        yield Footer()

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
        result = self.view.display
        match action:
            case "new":
                return not self.form.display and not self.watch_.active
            case "open":
                return not self.watch_.active
            case "cancel":
                return self.watch_.display and self.watch_.active
            case "retry":
                return self.watch_.display and not self.watch_.active
            case "similarity" | "search" | "breakdown" | "add" | "write_card":
                return result
            case "export":
                return result and self.view.wrong is not None
            case "split":
                return result and len(self.view.splits) > 1
            case "model" | "other":
                return result and len(self.view.contenders) > 1
            case "checkpoints":
                return result and any(each.run for each in self.view.contenders)
            case "explore":
                shown = self.view.triplets
                return result and shown.display and shown.triplet is not None
        return True

    def on_evaluation_view_changed(self) -> None:
        """Offer the keys that work now."""
        self.refresh_bindings()

    def action_new(self) -> None:
        """Show the form."""
        self._show(self.form)
        self.form.focus_start()
        self.form.refresh_lists()

    def on_evaluation_form_start_pressed(self, event: EvaluationForm.StartPressed) -> None:
        """Evaluate what the form asks for."""
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
        self.set_focus(None)

    def on_job_watch_status_changed(self) -> None:
        """Offer the keys that work now."""
        self.refresh_bindings()

    def on_evaluation_watch_ended(self, event: EvaluationWatch.Ended) -> None:
        """Show what was found, or why nothing was."""
        match event.log.status:
            case "completed":
                self.show_results([event.evaluation])
            case "stopped":
                event.evaluation.discard()
                self.notify(CANCELLED)
                self.action_new()
        self.refresh_bindings()

    def on_evaluation_form_reopened(self, event: EvaluationForm.Reopened) -> None:
        """Show a finished evaluation again."""
        self.show_results([event.evaluation])

    def show_results(self, shown: list[Evaluation]) -> None:
        """Show finished evaluations side by side, where they judged the same rows."""
        try:
            self.view.open(shown)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        self._show(self.view)
        self.view.show_list()

    @work
    async def action_cancel(self) -> None:
        """Cancel the evaluation, once the person has confirmed it."""
        evaluation = self.watch_.evaluation
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
        if self.watch_.evaluation is not None:
            try:
                self._launch(self.watch_.evaluation.request())
            except UserError as error:
                self.notify(error.sentence, severity="error", markup=False)

    @work
    async def action_open(self) -> None:
        """Choose among all finished evaluations."""
        if (chosen := await self._choose_earlier("Open an evaluation")) is not None:
            self.show_results([chosen])

    @work
    async def action_add(self) -> None:
        """Put an earlier evaluation of the same rows beside this one."""
        chosen = await self._choose_earlier("Put an earlier evaluation beside this one")
        if chosen is not None and chosen.id not in [each.id for each in self.view.evaluations]:
            self.show_results([*self.view.evaluations, chosen])

    async def _choose_earlier(self, title: str) -> Evaluation | None:
        options = await asyncio.to_thread(earlier)
        if not options:
            self.notify("There are no finished evaluations yet.")
            return None
        chosen = await self.app.push_screen_wait(Choice(title, options))
        try:
            return Evaluation.find(chosen) if chosen is not None else None
        except UserError as error:  # removed meanwhile
            self.notify(error.sentence, severity="error", markup=False)
            return None

    def action_similarity(self) -> None:
        """Judge by the next similarity."""
        self.view.next_similarity()

    def action_split(self) -> None:
        """Show the next split."""
        self.view.next_split()

    def action_model(self) -> None:
        """List what the next model judges wrong."""
        self.view.next_model()

    def action_other(self) -> None:
        """List only what another model judges right."""
        self.view.next_other()

    def action_search(self) -> None:
        """Search the wrong triplets."""
        self.view.search()

    def action_breakdown(self) -> None:
        """Show where the models are right, or the list again."""
        self.view.toggle_breakdown()
        self.refresh_bindings()

    def action_leave(self) -> None:
        """Leave the field; in the search, search no more."""
        if self.view.display:
            self.view.end_search()
        else:
            self.set_focus(None)

    def action_checkpoints(self) -> None:
        """Evaluate every kept checkpoint of the run on the same data."""
        if (wanted := self.view.wanted) is None:
            return
        runs = [each.run for each in (wanted.contender, *self.view.contenders) if each.run]
        try:
            request = self.view.evaluations[0].request()
            models = with_checkpoints([str(RunName(run)) for run in runs[:1]])
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        self._launch(msgspec.structs.replace(request, models=models, write_card=False))

    async def action_explore(self) -> None:
        """Open the triplet under the cursor in Explore."""
        triplet, wanted = self.view.triplets.triplet, self.view.wanted
        if triplet is not None and wanted is not None:
            sentences = [triplet.anchor, triplet.positive, triplet.negative]
            await self.app.explore(sentences, wanted.contender.model.name)

    async def on_triplet_list_chosen(self, event: TripletList.Chosen) -> None:
        """Open the triplet in Explore."""
        await self.action_explore()

    @work
    async def action_export(self) -> None:
        """Write the listed triplets into a file of the working folder."""
        wanted, wrong = self.view.wanted, self.view.wrong
        if wanted is None or wrong is None:
            return
        stem = f"{self.view.evaluations[0].id}-{wanted.look.split}-wrong"
        options = {
            form: Content.assemble((f"{form.upper():<6}", "bold"), f" {stem}.{form}")
            for form in FORMATS
        }
        form = await self.app.push_screen_wait(
            Choice(f"Export {count(len(wrong))} triplets to {Path.cwd()}", options)
        )
        if form is None:
            return
        path = Path(f"{stem}.{form}")
        try:
            with path.open("w", encoding="utf-8", newline="" if form == "csv" else None) as file:
                await asyncio.to_thread(wrong.write, file, form)
        except OSError as error:
            self.notify(f"{path} cannot be written: {error.strerror}.", severity="error")
            return
        self.notify(f"{count(len(wrong))} triplets are in {path}", markup=False)

    @work
    async def action_write_card(self) -> None:
        """Write the figures into the models' own cards."""
        shown = list(self.view.evaluations)
        names = ", ".join(printable(each.model.name) for each in self.view.contenders)
        question = Question(
            f"Write these figures into the model cards (README.md) of {names}?",
            yes="Write them",
            no="Leave them",
        )
        if not await self.app.push_screen_wait(question):
            return
        for evaluation in shown:
            try:
                sentences = await writtencards.write(evaluation.folder)
            except UserError as error:
                self.notify(error.sentence, severity="error", markup=False)
                continue
            for sentence in sentences:
                self.notify(printable(sentence), markup=False)
