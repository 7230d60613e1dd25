"""The Train screen: choose a recipe, start it, and watch it."""

from __future__ import annotations

import math
import platform
from typing import TYPE_CHECKING, Any, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer

from stplay import recipe, runs
from stplay.errors import UserError
from stplay.runs import Run
from stplay.screens.datapreview import DataPreview
from stplay.screens.dialog import Choice, Question
from stplay.screens.recipeform import RecipeForm
from stplay.screens.topbar import TopBar
from stplay.text import count, printable
from stplay.traininglog import status_words

if TYPE_CHECKING:
    from stplay.screens.runview import RunView


class TrainScreen(Screen[None]):
    """The form before a run, the live view of a run after it."""

    CSS_PATH = "train.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_run", "New run"),
        Binding("o", "open_run", "Open run"),
        Binding("d", "toggle_data", "Data"),
        Binding("s", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
        Binding("l", "toggle_log", "Log"),
        Binding("escape", "leave_field", "Leave the field", show=False),
    ]

    form = getters.query_one(RecipeForm)
    preview = getters.query_one(DataPreview)
    new_run = getters.query_one("#new-run", Horizontal)
    topbar = getters.query_one(TopBar)

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, Any] | None = None
        self._rows: int | None = None
        self._view: RunView | None = None

    def compose(self) -> ComposeResult:
        """The form; the view of a run comes once there is one to show."""
        yield TopBar("train")
        with Horizontal(id="new-run"):
            yield RecipeForm()
            yield DataPreview()
        yield Footer()

    def on_mount(self) -> None:
        """A run that is at work is shown at once."""
        self.topbar.place = platform.node()
        self.call_after_refresh(self._show_running)

    async def _show_running(self) -> None:
        for run in runs.every():
            if run.training_log().active:
                await self.show_run(run)
                break

    async def show_run(self, run: Run) -> None:
        """Show ``run``, live where it is at work."""
        from stplay.screens.runview import RunView

        if self._view is None:
            self._view = RunView()
            await self.mount(self._view, after=self.new_run)
        self.new_run.display = False
        self._view.display = True
        self._view.open(run)
        self._view.focus_table()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        shown = self._view if self._view is not None and self._view.display else None
        match action:
            case "stop":
                return shown is not None and shown.training_log.active
            case "resume":
                return shown is not None and shown.training_log.status in ("stopped", "failed")
            case "toggle_log" | "new_run":
                return shown is not None
            case "toggle_data":
                return shown is None and self.has_class("-narrow")
        return True

    @on(RecipeForm.Edited)
    def _show_data(self, event: RecipeForm.Edited) -> None:
        self._values = event.values if event.ready else None
        if self._values is not None:
            data = self._values["data"]
            self.preview.show(data["train"], data.get("train_rows"))
        self._show_cost()

    @on(DataPreview.Loaded)
    def _take_rows(self, event: DataPreview.Loaded) -> None:
        self._rows = event.rows
        self._show_cost()
        if event.error:
            self.form.complain_of_data(event.name, event.error)

    def _show_cost(self) -> None:
        if self._values is None or self._rows is None:
            self.form.show_cost("")
            return
        training = recipe.build(self._values, "The form").training
        batch = training.per_device_train_batch_size
        steps = training.max_steps or math.ceil(
            math.ceil(self._rows / batch) * training.num_train_epochs
        )
        self.form.show_cost(f"{count(steps)} steps of {count(batch)} triplets")

    @on(RecipeForm.StartPressed)
    async def _start(self, event: RecipeForm.StartPressed) -> None:
        try:
            run = runs.create(event.chosen, None, event.stem)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        run.launch()
        await self.show_run(run)

    def on_run_view_status_changed(self, event: RunView.StatusChanged) -> None:
        """Name the run's machine, and offer the keys that work now."""
        started = event.log.started
        if started is not None:
            self.topbar.place = f"{platform.node()} · {started.device} · {started.precision}"
        self.refresh_bindings()

    def action_new_run(self) -> None:
        """Back to the form."""
        if self._view is not None:
            self._view.display = False
        self.new_run.display = True
        self.topbar.place = platform.node()
        self.form.focus_start()
        self.refresh_bindings()

    def action_toggle_data(self) -> None:
        """Where there is no room for both, swap the form and the data's first rows."""
        self.toggle_class("-data")

    def action_toggle_log(self) -> None:
        """Show the training process's log, or hide it."""
        if self._view is not None:
            self._view.toggle_worker_log()

    def action_leave_field(self) -> None:
        """Take the focus out of a field, so that single keys work."""
        self.set_focus(None)

    @work
    async def action_open_run(self) -> None:
        """Choose among all runs."""
        options = {}
        for run in runs.every():
            summary = run.summary()
            step = f"step {count(summary.step)}" if summary.step else ""
            options[run.id] = Content.assemble(
                (f"{printable(run.id)}  ", "bold"), status_words(summary.status), f"  {step}"
            )
        if not options:
            self.notify("There are no runs yet; start one from the form.")
            return
        chosen = await self.app.push_screen_wait(Choice("Open a run", options))
        if chosen is not None:
            await self.show_run(runs.find(chosen))

    @work
    async def action_stop(self) -> None:
        """Stop the run that is shown, once the person has confirmed it."""
        run = self._view.run if self._view is not None else None
        if run is None:
            return
        question = Question(
            f"Stop {run.id}? It finishes its step and saves a checkpoint; it can go on later.",
            yes="Stop it",
            no="Keep training",
        )
        if await self.app.push_screen_wait(question):
            try:
                if run.request_stop():
                    self.notify("Finishing the step and saving a checkpoint.")
            except UserError as error:
                self.notify(error.sentence, severity="error", markup=False)

    async def action_resume(self) -> None:
        """Go on with the run that is shown."""
        run = self._view.run if self._view is not None else None
        if run is None:
            return
        try:
            run.check_resumable()
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        run.launch()
        await self.show_run(run)
