"""The Train screen: choose a recipe, start it, and watch it."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from textual import getters, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer

from stplay import runs
from stplay.errors import UserError
from stplay.runs import Run
from stplay.screens.datapreview import DataPreview
from stplay.screens.dialog import Choice, Question
from stplay.screens.recipeform import RecipeForm
from stplay.screens.runview import RunView, TrainingTable
from stplay.screens.topbar import TopBar
from stplay.text import count, printable
from stplay.traininglog import TrainingLog, status_words


class TrainScreen(Screen[None]):
    """The form before a run, the live view of a run after it."""

    CSS_PATH = "train.tcss"
    HORIZONTAL_BREAKPOINTS: ClassVar = [(0, "-narrow"), (100, "-wide")]
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
    view = getters.query_one(RunView)
    switcher = getters.query_one(ContentSwitcher)
    topbar = getters.query_one(TopBar)

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, Any] = {}

    def compose(self) -> ComposeResult:
        """The form and the run, of which one shows."""
        yield TopBar("train")
        with ContentSwitcher(initial="new-run"):
            with Horizontal(id="new-run"):
                yield RecipeForm()
                yield DataPreview()
            with Horizontal(id="run"):
                yield RunView()
        yield Footer()

    def on_mount(self) -> None:
        """A run that is at work is shown at once."""
        self.topbar.place = f"{self.app.host}"
        for run in runs.every():
            if run.training_log().active:
                self.show_run(run)
                break

    def show_run(self, run: Run) -> None:
        """Show ``run``, live where it is at work."""
        self.switcher.current = "run"
        self.view.open(run)
        self.query_one(TrainingTable).focus()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        shows_run = self.is_mounted and self.switcher.current == "run"
        log = self.view.training_log if self.is_mounted else TrainingLog()
        match action:
            case "stop":
                return shows_run and log.active
            case "resume":
                return shows_run and log.status in ("stopped", "failed")
            case "toggle_log" | "new_run":
                return shows_run
            case "toggle_data":
                return not shows_run and self.has_class("-narrow")
        return True

    @on(RecipeForm.Edited)
    def _show_data(self, event: RecipeForm.Edited) -> None:
        self._values = event.values
        data = event.values.get("data", {})
        train, rows = data.get("train"), data.get("train_rows")
        if event.ready and isinstance(train, str):
            self.preview.show(train, rows)

    @on(DataPreview.Loaded)
    def _show_cost(self, event: DataPreview.Loaded) -> None:
        self.form.show_cost(self._cost(event.rows))

    def _cost(self, rows: int | None) -> str:
        training = self._values.get("training", {})
        batch = training.get("per_device_train_batch_size", 8)
        epochs = training.get("num_train_epochs", 3)
        if not rows or not isinstance(batch, int) or not isinstance(epochs, int | float):
            return ""
        steps = training.get("max_steps") or math.ceil(math.ceil(rows / batch) * epochs)
        return f"{count(steps)} steps of {count(batch)} triplets"

    @on(RecipeForm.StartPressed)
    def _start(self, event: RecipeForm.StartPressed) -> None:
        try:
            run = runs.create(event.chosen, None, event.stem)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        run.launch()
        self.show_run(run)

    @on(RunView.StatusChanged)
    def _show_status(self, event: RunView.StatusChanged) -> None:
        if event.log.started is not None:
            started = event.log.started
            self.topbar.place = f"{self.app.host} · {started.device} · {started.precision}"
        self.refresh_bindings()

    def action_new_run(self) -> None:
        """Back to the form."""
        self.switcher.current = "new-run"
        self.topbar.place = self.app.host
        self.form.focus_start()
        self.refresh_bindings()

    def action_toggle_data(self) -> None:
        """Where there is no room for both, swap the form and the data's first rows."""
        self.toggle_class("-data")

    def action_toggle_log(self) -> None:
        """Show the training process's log, or hide it."""
        self.view.toggle_worker_log()

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
            self.show_run(runs.find(chosen))

    @work
    async def action_stop(self) -> None:
        """Stop the run that is shown, once the person has confirmed it."""
        run = self.view.run
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

    def action_resume(self) -> None:
        """Go on with the run that is shown."""
        run = self.view.run
        if run is None:
            return
        try:
            run.check_resumable()
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        run.launch()
        self.show_run(run)
