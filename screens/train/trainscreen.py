"""The Train screen: choose a recipe, start it, and watch it.

What it shows is imported and made after the first paint, so that the app answers at once.
"""

from __future__ import annotations

import asyncio
import platform
from typing import TYPE_CHECKING, ClassVar, cast

from textual import getters, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen
from textual.widget import Widget

from stplay.errors import UserError
from stplay.jobs.worklog import asked_words
from stplay.runs.traininglog import device_words, ending_words
from stplay.screens.shared.keyline import KeyLine
from stplay.screens.shared.latecontent import call_once_imported, mount_into
from stplay.screens.shared.topbar import TopBar
from stplay.sources.names import RunName

if TYPE_CHECKING:
    from stplay.jobs.events import Control
    from stplay.remote.watching import WatchedSource
    from stplay.screens.app import StplayApp
    from stplay.screens.train.comparisonview import ComparisonView
    from stplay.screens.train.newrun import NewRun
    from stplay.screens.train.runlist import RunList
    from stplay.screens.train.runview import RunView


HERE_ALONE = ("extend", "again", "delete", "evaluate")  # not of a run on another machine
PANES = Binding.Group("Panes", compact=True)


class TrainScreen(Screen[None]):
    """The form before a run, the live view of a run after it."""

    CSS_PATH: ClassVar = "train.tcss"
    # A form and the data beside it need 100 cells, a table and charts beside it 118.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide"), (118, "-spacious")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new_run", "New run"),
        Binding("o", "list_runs", "Runs"),
        Binding("d", "toggle_data", "Data"),
        Binding("m", "form('all_fields')", "All fields"),
        Binding("t", "form('measure')", "Measure"),
        Binding("ctrl+s", "form('save')", "Save recipe"),
        Binding("u", "form('bring_back')", "Changes back"),
        Binding("s", "stop", "Stop"),
        Binding("r", "resume", "Resume"),
        Binding("r", "extend", "Train on"),
        Binding("a", "again", "Its recipe again", show=False),
        Binding("c", "ask('checkpoint')", "Checkpoint"),
        Binding("v", "ask('evaluation')", "Eval now"),
        Binding("g", "show_pane('charts')", "Charts", group=PANES),
        Binding("p", "show_pane('probes')", "Probes", group=PANES),
        Binding("k", "show_pane('machine')", "Machine", group=PANES),
        Binding("i", "show_pane('overview')", "What it is", group=PANES),
        Binding("b", "lay_behind", "Lay a run behind", show=False),
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
        self._list: RunList | None = None
        self._comparison: ComparisonView | None = None
        self._before: Widget | None = None  # what the list has taken the place of

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
        from stplay.runs.runsummary import run_at_work

        running = None if self._afresh else await asyncio.to_thread(run_at_work)
        if running is not None:
            await self.show_run(running)
        else:
            await self.action_new_run()

    @property
    def _shown(self) -> RunView | None:
        return self._view if self._view is not None and self._view.display else None

    async def show_run(self, run: WatchedSource) -> None:
        """Show ``run``, one of another machine, or none of ours, live where it is at work."""
        from stplay.screens.train.runview import RunView

        if self._view is None:
            self._view = RunView()
            if not await mount_into(self.room, self._view):
                return
        self._reveal(self._view)
        self._view.open(run)
        self._view.focus_table()
        self.refresh_bindings()

    async def action_new_run(self) -> None:
        """Show the form."""
        from stplay.screens.train.newrun import NewRun

        if self._form is None:
            self._form = NewRun()
            if not await mount_into(self.room, self._form):
                return
        self._reveal(self._form)
        self._form.form.focus_start()
        self.topbar.place = platform.node()
        self.refresh_bindings()

    def _reveal(self, content: Widget) -> None:
        """Show ``content`` alone."""
        for each in self.room.children:
            each.display = each is content

    async def action_list_runs(self) -> None:
        """Show all runs."""
        from stplay.screens.train.runlist import RunList

        before = next((each for each in self.room.children if each.display), None)
        if before in (self._form, self._view):
            self._before = before
        if self._list is None:
            self._list = RunList()
            if not await mount_into(self.room, self._list):
                return
        self.topbar.place = platform.node()
        self._reveal(self._list)
        self._list.focus_table()
        await self._list.look()
        self.refresh_bindings()

    async def on_run_list_opened(self, event: RunList.Opened) -> None:
        """Show the run that was chosen."""
        from stplay.runs.run import Run

        try:
            await self.show_run(Run.find(event.run))
        except UserError as error:  # removed meanwhile
            self.notify(error.sentence, severity="error", markup=False)

    async def on_run_list_compared(self, event: RunList.Compared) -> None:
        """Show the runs that were chosen together."""
        from stplay.screens.train.comparisonview import ComparisonView

        if self._comparison is None:
            self._comparison = ComparisonView()
            if not await mount_into(self.room, self._comparison):
                return
        self._reveal(self._comparison)
        await self._comparison.open(event.runs)
        self.refresh_bindings()

    async def on_comparison_view_left(self) -> None:
        """Show the list again."""
        await self.action_list_runs()

    async def on_run_list_left(self) -> None:
        """Show what was there before the list."""
        view = self._view
        if view is None or self._before is not view:
            await self.action_new_run()
            return
        self._reveal(view)
        view.focus_table()
        self.on_job_watch_status_changed()

    def on_run_list_moved(self, event: RunList.Moved) -> None:
        """Follow the run that was shown to its new name; forget one that is gone."""
        if self._view is None or self._view.run is None or self._view.run.id != event.run:
            return
        if event.now is not None:
            self._view.open(event.now)
        else:
            self._view.leave()
            self._before = self._form

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only what can be done here, now."""
        view = self._shown
        ours_alone = ("stop", "resume", "delete", "evaluate", "toggle_log")
        is_foreign = view is not None and view.ours is None
        if is_foreign and (action in ours_alone or parameters[:1] not in ((), ("charts",))):
            return False
        if view is not None and view.remote is not None and action in HERE_ALONE:
            return False
        match action:
            case "stop":
                return view is not None and view.job_log.active
            case "resume":
                resumable = ("stopped", "failed", "lost")
                return view is not None and view.job_log.status in resumable
            case "extend":
                return view is not None and view.job_log.status == "completed"
            case "again":
                return view is not None
            case "ask":
                return view is not None and view.can_do(cast("Control", parameters[0]))
            case "delete":
                return view is not None and not view.job_log.active
            case "evaluate":
                return view is not None and view.job_log.checkpoint is not None
            case "show_pane":
                shown = parameters[0] == "charts" and self.has_class("-spacious")
                return view is not None and not (shown and view.pane == "charts")
            case "toggle_log" | "lay_behind":
                return view is not None
            case "new_run":
                return self._form is None or not self._form.display
            case "list_runs":
                return self._list is None or not self._list.display
            case "toggle_data":
                form_is_shown = self._form is not None and self._form.display
                return form_is_shown and self.has_class("-narrow")
            case "form":
                form = self._form
                return form is not None and form.display and form.can_do(str(parameters[0]))
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

    def on_job_watch_job_ended(self) -> None:
        """Tell whoever looks elsewhere."""
        from stplay.screens.shared.outside import tell_outside

        if self._view is not None and self._view.ours is not None:
            tell_outside(self.app, ending_words(self._view.ours.id, self._view.job_log))

    def action_toggle_data(self) -> None:
        """Where there is no room for both, swap the form and the data's first rows."""
        self.toggle_class("-data")

    async def action_form(self, name: str) -> None:
        """Do what the form can do."""
        if self._form is not None:
            await self._form.do(name)

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
            whole = log.status == "completed" and (run.folder / "model").is_dir()
            step = None if whole else str(log.checkpoint.step)
            await self.app.evaluate(str(RunName(run.id, step)))

    def action_leave_field(self) -> None:
        """Take the focus out of a field, so that single keys work."""
        self.set_focus(None)

    @work
    async def action_lay_behind(self) -> None:
        """Choose another run to lie behind the one that is shown."""
        from stplay.screens.train.laidbehind import laid_behind

        view = self._view
        if view is None or view.ours is None:
            return
        run = view.ours
        chosen = await laid_behind(self.app, run, view.job_log.started)
        if chosen is not None and view.ours is run:
            view.lay_behind(chosen.reference)

    @work
    async def action_watch(self) -> None:
        """Show a training that stplay did not start, or that is on another machine."""
        from stplay.screens.train.watchedplace import watched_place

        if (source := await watched_place(self.app)) is not None:
            await self.show_run(source)

    @work
    async def action_stop(self) -> None:
        """Stop the run that is shown, once the person has confirmed it."""
        from stplay.screens.train.stopquestion import StopQuestion

        view = self._view
        if view is None or view.ours is None:
            return
        run = view.run
        match await self.app.push_screen_wait(StopQuestion(view.ours.id)):
            case "stop" if run is None:
                self.action_ask("stop")
            case "stop" if run is not None:
                try:
                    if run.request_stop():
                        self.notify(run.stopping_words(run.read_log()))
                except UserError as error:
                    self.notify(error.sentence, severity="error", markup=False)
            case "stop after epoch":
                self.action_ask("stop after epoch")

    def action_ask(self, control: Control) -> None:
        """Ask the run that is shown for ``control``; what comes of it, its log tells."""
        if self._view is not None and self._view.remote is not None:
            from stplay.screens.train.remotecontrol import ask_there

            self.run_worker(ask_there(self.app, self._view.remote, control))
        if self._view is None or self._view.run is None:
            return
        try:
            self._view.run.ask(control, self._view.job_log)
        except UserError as error:
            self.notify(error.sentence, severity="error", markup=False)
            return
        self.notify(f"{asked_words([control])}.")

    async def action_again(self) -> None:
        """Show the form with the recipe of the run that is shown, to start it with changes."""
        run = self._view.run if self._view is not None else None
        await self.action_new_run()
        if run is not None and self._form is not None:
            self._form.form.start_from(str(RunName(run.id)))

    @work
    async def action_extend(self) -> None:
        """Ask how long the run that has finished is to train, and go on with it."""
        from stplay.screens.train.goingon import extended

        run = self._view.run if self._view is not None else None
        if run is not None and (longer := await extended(self.app, run)) is not None:
            await self.show_run(longer)

    @work
    async def action_delete(self) -> None:
        """Remove the run that is shown from the disk, once the person has confirmed it."""
        from stplay.screens.train.rundeletion import delete_confirmed

        run = self._view.run if self._view is not None else None
        if run is not None and await delete_confirmed(self.app, run):
            await self.action_new_run()

    @work
    async def action_resume(self) -> None:
        """Go on with the run that is shown; a lost one once the person has said that it is dead."""
        from stplay.screens.train.goingon import resumed

        run, log = (self._view.ours, self._view.job_log) if self._view else (None, None)
        if run is not None and log is not None and await resumed(self.app, run, log):
            await self.show_run(run)
