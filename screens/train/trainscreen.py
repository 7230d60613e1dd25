"""The Train screen: choose a recipe, start it, and watch it.

What it shows is imported and made after the first paint, so that the app answers at once.
"""

from __future__ import annotations

import asyncio
import platform
from typing import TYPE_CHECKING, ClassVar

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import Screen

from stplay.errors import UserError
from stplay.runs.traininglog import device_words
from stplay.screens.shared.keyline import KeyLine
from stplay.screens.shared.latecontent import call_once_imported, mount_into
from stplay.screens.shared.topbar import TopBar
from stplay.sources.names import RunName
from stplay.text import count, printable, size

if TYPE_CHECKING:
    from stplay.foreign.foreignsource import ForeignSource
    from stplay.runs.run import Run
    from stplay.screens.app import StplayApp
    from stplay.screens.train.newrun import NewRun
    from stplay.screens.train.runview import RunView


class TrainScreen(Screen[None]):
    """The form before a run, the live view of a run after it."""

    CSS_PATH: ClassVar = "train.tcss"
    # A form and the data beside it need 100 cells, a table and charts beside it 118.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (118, "-spacious")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_run", "New run"),
        Binding("o", "open_run", "Open run"),
        Binding("d", "toggle_data", "Data"),
        Binding("s", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
        Binding("g", "show_pane('charts')", "Charts"),
        Binding("i", "show_pane('overview')", "What it is"),
        Binding("l", "toggle_log", "Log"),
        Binding("e", "evaluate", "Evaluate"),
        Binding("f", "watch", "Watch a place", show=False),
        Binding("delete", "delete", "Delete run", show=False),
        Binding("escape", "leave_field", "Leave the field", show=False),
    ]

    app: StplayApp
    topbar = getters.query_one(TopBar)
    room = getters.query_one("#room", Container)

    def __init__(self, *, afresh: bool = False) -> None:
        super().__init__()
        self._afresh = afresh
        self._form: NewRun | None = None
        self._view: RunView | None = None

    def compose(self) -> ComposeResult:
        """The frame; what fills it comes after it is painted."""
        yield TopBar("train")
        yield Container(id="room")
        yield KeyLine()

    def on_mount(self) -> None:
        """Fill the frame once it is painted."""
        self.topbar.place = platform.node()
        call_once_imported(self, "stplay.screens.train.newrun", self._fill)

    def on_resize(self) -> None:
        """Offer the keys for what has no room now."""
        self.call_after_refresh(self.refresh_bindings)

    async def _fill(self) -> None:
        # A run that is at work is shown at once, unless it may be what broke the screen.
        from stplay.runs.run import Run

        running = None if self._afresh else await asyncio.to_thread(Run.running)
        if running is not None:
            await self.show_run(running)
        else:
            await self.action_new_run()

    @property
    def _shown(self) -> RunView | None:
        return self._view if self._view is not None and self._view.display else None

    async def show_run(self, run: Run | ForeignSource) -> None:
        """Show ``run``, or a training that is none of ours, live where it is at work."""
        from stplay.screens.train.runview import RunView

        if self._view is None:
            self._view = RunView()
            if not await mount_into(self.room, self._view):
                return
        if self._form is not None:
            self._form.display = False
        self._view.display = True
        self._view.open(run)
        self._view.focus_table()
        self.refresh_bindings()

    async def action_new_run(self) -> None:
        """Show the form."""
        from stplay.screens.train.newrun import NewRun

        if self._view is not None:
            self._view.display = False
        if self._form is None:
            self._form = NewRun()
            if not await mount_into(self.room, self._form):
                return
        self._form.display = True
        self._form.form.focus_start()
        self.topbar.place = platform.node()
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        view = self._shown
        ours_alone = ("stop", "resume", "delete", "evaluate", "toggle_log")
        is_foreign = view is not None and view.run is None
        if is_foreign and (action in ours_alone or parameters[:1] not in ((), ("charts",))):
            return False
        match action:
            case "stop":
                return view is not None and view.job_log.active
            case "resume":
                resumable = ("stopped", "failed", "lost")
                return view is not None and view.job_log.status in resumable
            case "delete":
                return view is not None and not view.job_log.active
            case "evaluate":
                return view is not None and view.job_log.checkpoint is not None
            case "show_pane":
                shown = parameters[0] == "charts" and self.has_class("-spacious")
                return view is not None and not (shown and view.pane == "charts")
            case "toggle_log" | "new_run":
                return view is not None
            case "toggle_data":
                return view is None and self.has_class("-narrow")
        return True

    async def on_new_run_started(self, event: NewRun.Started) -> None:
        """Watch what was started."""
        await self.show_run(event.run)

    def on_job_watch_status_changed(self) -> None:
        """Name the run's machine, and offer the keys that work now."""
        view = self._shown
        if view is None:
            return
        worker, started = view.job_log.worker, view.job_log.started
        parts = [worker.host if worker else platform.node()]
        if started is not None:
            parts += [device_words(started), started.precision]
        self.topbar.place = " · ".join(parts)
        self.refresh_bindings()

    def action_toggle_data(self) -> None:
        """Where there is no room for both, swap the form and the data's first rows."""
        self.toggle_class("-data")

    def action_show_pane(self, name: str) -> None:
        """Show that pane beside the table, or in its place where there is no room for both."""
        if self._view is not None:
            self._view.show_pane(name)
            self.refresh_bindings()

    def action_toggle_log(self) -> None:
        """Show the training process's log, or hide it."""
        if self._view is not None:
            self._view.toggle_worker_log()

    async def action_evaluate(self) -> None:
        """Evaluate the run's final model, or the newest checkpoint where there is none yet."""
        run, log = (self._view.run, self._view.job_log) if self._view else (None, None)
        if run is not None and log is not None and log.checkpoint is not None:
            step = None if log.status == "completed" else str(log.checkpoint.step)
            await self.app.evaluate(str(RunName(run.id, step)))

    def action_leave_field(self) -> None:
        """Take the focus out of a field, so that single keys work."""
        self.set_focus(None)

    @work
    async def action_open_run(self) -> None:
        """Choose among all runs."""
        from stplay.runs.run import Run
        from stplay.screens.shared.dialog import Choice

        options = {}
        for summary in await asyncio.to_thread(Run.summaries):
            step = f"step {count(summary.step)}" if summary.step else ""
            options[summary.run] = Content.assemble(
                (f"{printable(summary.run)}  ", "bold"), summary.state, f"  {step}"
            )
        if not options:
            self.notify("There are no runs yet; start one from the form.")
            return
        chosen = await self.app.push_screen_wait(Choice("Open a run", options))
        if chosen is None:
            return
        try:
            await self.show_run(Run.find(chosen))
        except UserError as error:  # removed meanwhile
            self.notify(error.sentence, severity="error", markup=False)

    @work
    async def action_watch(self) -> None:
        """Show a training that stplay did not start."""
        from stplay.foreign import places
        from stplay.screens.shared.prompt import Prompt

        prompt = Prompt(
            "Follow a training that stplay did not start",
            "a Trainer's output folder, a console log, TensorBoard's event files, or a model card: "
            "its file, its folder, or its name on the Hub",
        )
        name = await self.app.push_screen_wait(prompt)
        if name is None:
            return
        try:
            place = await asyncio.to_thread(places.place, name)
            await self.show_run(place.source)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        if place.also:
            self.notify(place.also, markup=False)

    @work
    async def action_stop(self) -> None:
        """Stop the run that is shown, once the person has confirmed it."""
        from stplay.screens.shared.dialog import Question

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
                    self.notify(run.stopping_words(run.read_log()))
            except UserError as error:
                self.notify(error.sentence, severity="error", markup=False)

    @work
    async def action_delete(self) -> None:
        """Remove the run that is shown from the disk, once the person has confirmed it."""
        from stplay.screens.shared.dialog import Question

        run = self._view.run if self._view is not None else None
        if run is None:
            return
        question = Question(
            f"Delete {run.id}, with all its checkpoints and its model?",
            yes="Delete it",
            no="Keep it",
        )
        if not await self.app.push_screen_wait(question):
            return
        try:
            await asyncio.to_thread(run.check_deletable)
            freed = await asyncio.to_thread(run.delete)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        self.notify(f"{run.id} is deleted; {size(freed)} are free again.", markup=False)
        await self.action_new_run()

    @work
    async def action_resume(self) -> None:
        """Go on with the run that is shown; a lost one once the person has said that it is dead."""
        from stplay.screens.shared.dialog import Question

        run, log = (self._view.run, self._view.job_log) if self._view else (None, None)
        if run is None or log is None:
            return
        lost = log.status == "lost"
        if lost:
            question = Question(
                f"{run.title} may be at work on {printable(log.worker.host if log.worker else '')} "
                "still. Two processes would spoil it. Is nothing of it at work there?",
                yes="Nothing is: go on",
                no="Leave it",
            )
            if not await self.app.push_screen_wait(question):
                return
        try:
            await asyncio.to_thread(run.check_resumable, lost)
            await asyncio.to_thread(run.launch)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        await self.show_run(run)
