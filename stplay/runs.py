"""A run on disk: create, launch, follow, stop, resume, find and list."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from stplay import home, recipe, runfolders
from stplay.errors import UserError
from stplay.jobs import Job
from stplay.recipe import Recipe
from stplay.text import printable
from stplay.traininglog import TrainingLog
from stplay.worklog import Status


class RunSummary(msgspec.Struct):
    """One line of a list of runs; ``started`` is in seconds since 1970."""

    run: str
    status: Status
    step: int
    total_steps: int | None
    dev_max_accuracy: float | None
    test_max_accuracy: float | None
    started: float | None
    error: str | None
    folder: str


class Run(Job[TrainingLog]):
    """One run: a folder with its recipe, event log, worker log, checkpoints and model."""

    module = "stplay.engine.train"
    log_type = TrainingLog
    process_title = "training process"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.recipe_path = folder / "recipe.toml"

    @property
    def title(self) -> str:
        """What people call this run."""
        return f"The run {self.id}"

    @property
    def advice(self) -> str:
        """How to go on where its process is gone."""
        return f"go on with: stplay resume {self.id}"

    def model_folder(self) -> Path:
        """The folder of the final model.

        Raises:
            UserError: the run has no final model yet.
        """
        return runfolders.model_folder(self.folder)

    def recipe(self) -> Recipe:
        """The run's recipe.

        Raises:
            UserError: the recipe was removed or damaged.
        """
        return recipe.load(self.recipe_path)

    def summary(self) -> RunSummary:
        """What a list of runs tells of this one."""
        log = self.read_log()
        return RunSummary(
            run=self.id,
            status=log.status,
            step=log.step,
            total_steps=log.total_steps,
            dev_max_accuracy=log.last_dev_accuracy(),
            test_max_accuracy=log.last_test_accuracy(),
            started=log.begun,
            error=log.error,
            folder=str(self.folder),
        )

    def check_resumable(self) -> None:
        """Make sure that the run can go on.

        Raises:
            UserError: the run is at work, or has finished.
        """
        log = self.read_log()
        if log.active:
            raise UserError(f"The run {self.id} is at work already; nothing to resume.")
        if log.status == "completed":
            raise UserError(
                f"The run {self.id} has finished; nothing to resume. Its model is in "
                f"{self.folder / 'model'}"
            )


def create(recipe_: Recipe, name: str | None, stem: str) -> Run:
    """A new run folder with its recipe; without a ``name``, the next free ``<stem>-<number>``.

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
            path = runfolders.next_folder(folder, stem)
        else:
            if not runfolders.NAME.fullmatch(name):
                raise UserError(
                    f"{printable(name)!r} cannot name a run; use letters, digits, '.', '_' and "
                    "'-', at most 80, starting with a letter or digit."
                )
            path = folder / name
            path.mkdir()
            with suppress(FileExistsError):  # of a run of this name that was removed
                runfolders.take(path)
        run = Run(path)
        run.recipe_path.write_text(recipe_.to_toml(), encoding="utf-8")
        run.events_path.touch()
    except FileExistsError:
        raise UserError(
            f"There is a run named {name} already; choose another --name, or go on with it: "
            f"stplay resume {name}"
        ) from None
    except OSError as error:
        raise UserError(f"No run can be made in {folder}: {error.strerror}.") from None
    return run


def find(id_: str) -> Run:
    """The run called ``id_``.

    Raises:
        UserError: there is none; names those that are.
    """
    return Run(runfolders.find(id_))


def running() -> Run | None:
    """The run that is at work, the one that changed last of several."""
    return next((run for run in every() if run.read_log().active), None)


def summaries() -> list[RunSummary]:
    """The lines of the list of runs."""
    return [run.summary() for run in every()]


def every() -> list[Run]:
    """All runs, the one that changed last first."""
    return [Run(folder) for folder in runfolders.every()]
