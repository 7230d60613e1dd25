"""A run on disk: create, launch, follow, stop, resume and find."""

from __future__ import annotations

import platform
import shutil
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from stplay import home
from stplay.errors import UserError
from stplay.exitcodes import WRONG_INPUT
from stplay.jobs import folders
from stplay.jobs.events import Control, RunFinished, RunResumed, RunStarted
from stplay.jobs.job import LAUNCH_SECONDS, LOCK, Job
from stplay.jobs.worklock import HeldError, hold
from stplay.runs import recipe
from stplay.runs.changes import length_field
from stplay.runs.recipe import Recipe
from stplay.runs.torchrun import Torchrun
from stplay.runs.traininglog import TrainingLog
from stplay.text import printable

# All that can lie in the folder of a run whose training has not begun.
BEFORE_ITS_BEGIN = {recipe.FILE, "events.jsonl", "worker.log", LOCK}
NAMES_SECONDS = 10.0


class Run(Job[TrainingLog]):
    """One run: a folder with its recipe, event log, worker log, checkpoints and model.

    One that another program trains, and tells of by ``stplay.StplayCallback``, has no recipe: it
    cannot be resumed, and is asked for a stop in its log alone.

    It is started as ``torchrun`` tells or, where that is ``None``, in as many processes as before.
    """

    module = "stplay.engine.train"
    log_type = TrainingLog
    process_title = "training process"

    def __init__(self, folder: Path, overrides: Sequence[str] = ()) -> None:
        """``overrides``, each ``section.name=value``, hold instead of what the recipe says."""
        super().__init__(folder)
        self.recipe_path = folder / recipe.FILE
        self.overrides = overrides
        self.torchrun: Torchrun | None = None

    @classmethod
    def create(cls, recipe_: Recipe | None, name: str | None, stem: str) -> Run:
        """A new run folder, with a recipe unless another program trains it.

        Without a ``name`` it is the next free ``<stem>-<number>``. The name of a run that never
        began is free.

        Raises:
            UserError: the name is taken or unfit, or the folder cannot be made.
        """
        folder = home.runs_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"No run can be made in {folder}: {error.strerror}.") from None
        try:
            if name is None:
                path = folders.next_folder(folder, stem)
            else:
                check_name(name)
                path = folder / name
                _free(path)
                path.mkdir()
                with suppress(FileExistsError):  # of a run of this name that was removed
                    folders.take(path)
            run = cls(path)
            try:
                if recipe_ is not None:
                    run.recipe_path.write_text(recipe_.to_toml(), encoding="utf-8")
                run.events_path.touch()
            except OSError:
                shutil.rmtree(path, ignore_errors=True)
                raise
        except FileExistsError:
            raise UserError(
                f"There is a run named {name} already; choose another --name, remove it with "
                f"stplay delete {name}, or go on with it: stplay resume {name}"
            ) from None
        except OSError as error:
            raise UserError(f"No run can be made in {folder}: {error.strerror}.") from None
        return run

    @classmethod
    def find(cls, id_: str) -> Run:
        """The run called ``id_``.

        Raises:
            UserError: there is none; names those that are.
        """
        return cls(folders.find(id_))

    @classmethod
    def find_folder(cls, id_: str) -> Run:
        """The run called ``id_``, even where its event log is gone.

        Raises:
            UserError: there is none; names those that are.
        """
        folder = home.runs_folder() / id_
        there = folders.NAME.fullmatch(id_) and folder.is_dir()
        return cls(folder) if there else cls.find(id_)

    @classmethod
    def every(cls) -> list[Run]:
        """All runs, the one that changed last first."""
        return [cls(folder) for folder in folders.every()]

    @property
    def arguments(self) -> tuple[str, ...]:
        """What its process is started with."""
        return (*super().arguments, *self.overrides)

    @property
    def title(self) -> str:
        """What people call this run."""
        return f"The run {self.id}"

    @property
    def has_recipe(self) -> bool:
        """Whether stplay trains it, and not another program, and its recipe is there."""
        return self.recipe_path.is_file()

    @property
    def advice(self) -> str:
        """How to go on where its process is gone."""
        if not self.has_recipe:
            return "to go on, start its program again"
        return f"go on with: stplay resume {self.id}"

    @property
    def lost_advice(self) -> str:
        """How to go on where nothing is heard of its process, and it is known to be gone."""
        return f"{self.advice} --force" if self.has_recipe else self.advice

    @property
    def parting_words(self) -> str:
        """What to tell whoever asked it to stop and does not wait for it."""
        return f"{super().parting_words}; see: stplay runs"

    def stopping_words(self, log: TrainingLog) -> str:
        """What to tell whoever asked it to stop."""
        return stop_words(log)

    def command(self, log: TrainingLog) -> list[str]:
        """The training process, or the launcher of several, and its arguments.

        Raises:
            UserError: the run was on several machines before.
        """
        started, wanted = log.started, self.torchrun
        if wanted is None and started is not None and started.machines > 1:
            raise UserError(
                f"The run {self.id} trained in {started.processes} processes on {started.machines} "
                f"machines; say how it goes on, such as with stplay resume {self.id} "
                "--nproc-per-node 1, or as it was started."
            )
        if wanted is None:
            wanted = Torchrun(nproc_per_node=str(started.processes if started else 1))
        if not wanted.is_needed:
            return super().command(log)
        return wanted.command(self.folder, self.overrides)

    def model_folder(self) -> Path:
        """The folder of the final model.

        Raises:
            UserError: the run has no final model yet.
        """
        return folders.model_folder(self.folder)

    def recipe(self) -> Recipe:
        """The run's recipe, with its overrides.

        Raises:
            UserError: the recipe was removed or damaged, or there was none.
        """
        if not self.has_recipe:
            raise UserError(recipe.no_recipe_words(self.id))
        return recipe.load(self.recipe_path, self.overrides)

    def keep_overrides(self) -> None:
        """Have the recipe say what the overrides do."""
        if self.overrides:
            partial = self.recipe_path.with_suffix(".partial")
            partial.write_text(self.recipe().to_toml(), encoding="utf-8")
            partial.replace(self.recipe_path)
            self.overrides = ()

    def ask(self, control: Control, log: TrainingLog) -> None:
        """Ask the process at work for ``control``, where ``log`` is all that is known of the run.

        What was asked for already, and has no answer yet, is not asked for again.

        Raises:
            UserError: no process is at work that can do it, or it cannot be asked.
        """
        if log.active and log.worker is None:
            raise UserError(f"The run {self.id} is only about to start; ask in a moment.")
        if self._worker_here(log) is None:
            raise UserError(f"The run {self.id} is not at work; nothing to ask it for.")
        if log.total_steps is not None and log.step >= log.total_steps:
            raise UserError(f"The run {self.id} has taken all its steps and is about to end.")
        self._check_askable(log)
        if control == "evaluation" and not log.can_evaluate:
            raise UserError(f"The run {self.id} has no dev data to evaluate on.")
        if control in log.asked:
            return
        try:
            self._write_asked(control)
        except OSError as error:
            raise UserError(
                f"The run {self.id} cannot be asked for anything: {self.events_path} cannot be "
                f"written: {error.strerror}."
            ) from None

    def _check_askable(self, log: TrainingLog) -> None:
        if not self.has_recipe and log.started and log.started.processes > 1:
            raise UserError(
                f"The run {self.id} is another program's, in several processes, which cannot "
                "agree on what is asked of one; stop that program where it was started."
            )

    def request_stop(self) -> bool:
        """As for any job; another program is not sent a signal, which could end it at once."""
        if self.has_recipe:
            return super().request_stop()
        log = self.read_log()
        if self._worker_here(log) is None:
            return False
        self._check_askable(log)
        if "stop" not in log.asked:
            try:
                self._write_asked("stop")
            except OSError as error:
                raise UserError(
                    f"{self.title} cannot be asked to stop: {self.events_path} cannot be written: "
                    f"{error.strerror}."
                ) from None
        return True

    def check_resumable(self, force: bool = False) -> None:
        """Make sure that the run can go on; ``force`` takes a lost one for dead.

        Raises:
            UserError: the run is, or may be, at work, or it has finished.
        """
        log = self.read_log()
        if log.active and log.status != "lost":
            raise UserError(f"The run {self.id} is at work already; nothing to resume.")
        if not self.has_recipe:
            raise UserError(recipe.no_recipe_words(self.id))
        if log.status == "lost" and not force:
            raise UserError(log.error or "")
        if log.status == "completed" and not self._is_extended():
            length = length_field(self.recipe())
            raise UserError(
                f"The run {self.id} has finished; nothing to resume. Its model is in "
                f"{self.folder / 'model'}; to train on, make it longer: stplay resume {self.id} "
                f"--set {length}=..."
            )

    def _is_extended(self) -> bool:
        """Whether the overrides make the run longer than it was."""
        fields = {override.partition("=")[0].strip() for override in self.overrides}
        return length_field(self.recipe()) in fields

    def check_deletable(self, force: bool = False) -> None:
        """Make sure that nobody works on the run; ``force`` takes a lost one for dead.

        Raises:
            UserError: the run is, or may be, at work.
        """
        log = self.read_log()
        if log.status == "lost" and not force:
            said = (log.error or "").partition("; if it is not")[0]
            raise UserError(f"{said}; if it is not: stplay delete {self.id} --force")
        if log.active and log.status != "lost":
            if log.worker is not None and log.worker.host != platform.node():
                where = printable(log.worker.host)
                raise UserError(f"The run {self.id} is at work on {where}; stop it there first.")
            raise UserError(f"The run {self.id} is at work; first: stplay stop {self.id}")

    def rename(self, name: str) -> Run:
        """Give the folder another name; returns the run that it is then.

        Raises:
            UserError: the run is, or may be, at work; the name is taken or unfit; or the system
                refuses it.
        """
        check_name(name)
        if not self.events_path.is_file():  # a lock would make the folder anew
            raise UserError(f"There is no run {self.id} any more.")
        path = self.folder.with_name(name)
        at_work = UserError(
            f"The run {self.id} is, or may be, at work; once it has ended it can have another name."
        )
        if self.read_log().active:
            raise at_work
        try:
            with hold(self.folder / LOCK):
                _free(path)
                path.mkdir()  # of several who want the name, one gets it
                self.folder.rename(path)
        except HeldError:
            raise at_work from None
        except FileExistsError:
            raise UserError(f"There is a run named {name} already.") from None
        except OSError as error:
            raise UserError(f"{self.id} cannot be renamed: {error.strerror}.") from None
        with suppress(OSError):
            folders.take(path)
        return Run(path)

    def never_began(self) -> bool:
        """Whether no training has ever begun here, and none is about to.

        One that ended by anything but a mistake in what it was given has a log worth reading.
        """
        if not {path.name for path in self.folder.iterdir()} <= BEFORE_ITS_BEGIN:
            return False
        if not self.events_path.is_file():
            # A folder is made before its log: another start may be at it right now.
            return time.time() - self.folder.stat().st_mtime > LAUNCH_SECONDS
        words = self.events().read()
        last = words[-1] if words else None
        if isinstance(last, RunFinished) and last.exit_code == WRONG_INPUT:
            begun = any(isinstance(word, (RunStarted, RunResumed)) for word in words)
        else:
            begun = not all(isinstance(word, RunFinished) for word in words)
        return not begun and not self.read_log().active

    def delete(self) -> int:
        """Remove the folder with all that is in it; returns the bytes that were in its files.

        Raises:
            UserError: a process is at work on it, or the system refuses it.
        """
        with ExitStack() as held:
            try:
                held.enter_context(hold(self.folder / LOCK))
            except HeldError:
                first = f"first: stplay stop {self.id}"
                raise UserError(f"The run {self.id} is at work; {first}") from None
            except OSError:  # where nothing can be written, nobody can be at work
                pass
            return folders.remove(self.folder)


def stop_words(log: TrainingLog) -> str:
    """What comes of a stop that is asked of a run of which ``log`` is known."""
    if log.started is None:
        return "Stopping; there is no step to save yet."
    return "Finishing the step and saving a checkpoint."


def check_name(name: str) -> None:
    """Make sure that a run can be called ``name``.

    Raises:
        UserError: it cannot; tells what can be a name.
    """
    if not folders.NAME.fullmatch(name):
        raise UserError(
            f"{printable(name)!r} cannot name a run; use letters, digits, '.', '_' and '-', at "
            "most 80, starting with a letter or digit."
        )


def _free(path: Path) -> None:
    """Remove the folder of a run that never began, so that its name can be taken again."""
    if path.is_dir() and Run(path).never_began():
        # Of several starts, one removes it.
        with suppress(HeldError), hold(path.parent / ".names.lock", NAMES_SECONDS):
            if path.is_dir() and Run(path).never_began():
                folders.remove(path)
