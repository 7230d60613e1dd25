"""What a list of runs tells of each."""

from __future__ import annotations

from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any

import msgspec

from stplay.errors import UserError
from stplay.jobs.worklog import Status
from stplay.runs import runnote
from stplay.runs.presetwords import preset_words
from stplay.runs.run import Run
from stplay.runs.runindex import ReadLog, RunIndex
from stplay.runs.trainingprogress import run_words


class RunSummary(msgspec.Struct):
    """One line of a list of runs.

    ``started`` is in seconds since 1970, ``seconds`` how long its processes have been at work. Of
    the accuracies on dev, the newest and the best are told, and the step of that. ``recipe`` has
    plain values, ``preset`` the preset that it is nearest to.
    """

    run: str
    status: Status
    step: int
    total_steps: int | None
    dev_max_accuracy: float | None
    test_max_accuracy: float | None
    started: float | None
    error: str | None
    folder: str
    diverged: bool
    synthetic: bool
    best_dev_accuracy: float | None
    best_dev_step: int | None
    seconds: float
    disk_bytes: int
    base: str | None
    data: str | None
    preset: str | None
    recipe: dict[str, Any]
    note: str
    tags: list[str]

    @property
    def state(self) -> str:
        """The status as a sign and a word, and whether the run has diverged."""
        return run_words(self.status, self.diverged)


def summaries(index: RunIndex | None = None) -> list[RunSummary]:
    """The lines of the list of runs, the one that changed last first.

    Whoever looks again and again does so with one ``index``.
    """
    return [summarised(folder, log) for folder, log in (index or RunIndex()).look()]


def run_at_work() -> Run | None:
    """The run that is known to be at work, the one that changed last of several."""
    at_work = (each for each in summaries() if each.status in ("starting", "running"))
    return next((Run(Path(each.folder)) for each in at_work), None)


def summary_of(run: Run) -> RunSummary:
    """The line of ``run``.

    Raises:
        FileNotFoundError: it is gone.
    """
    log = ReadLog()
    log.read_on(run.events_path)
    return summarised(run.folder, log)


def summarised(folder: Path, read: ReadLog) -> RunSummary:
    """The line of the run in ``folder``, whose log was ``read``."""
    run, digest = Run(folder), read.digest
    log = copy(digest.log)  # what becomes of a process is asked each time, and never kept
    run.check_worker(log, read.offset)
    sections = log.started.recipe if log.started is not None else _recipe(run)
    best, note = digest.best_dev, runnote.read(folder)
    is_foreign = log.started is not None and log.started.foreign
    return RunSummary(
        run=run.id,
        status=log.status,
        step=log.step,
        total_steps=log.total_steps,
        dev_max_accuracy=_newest(digest.dev),
        test_max_accuracy=_newest(digest.test),
        started=log.begun,
        error=log.error,
        folder=str(folder),
        diverged=log.diverged,
        synthetic=log.started is not None and log.started.synthetic,
        best_dev_accuracy=best.accuracy if best else None,
        best_dev_step=best.step if best else None,
        seconds=digest.seconds,
        disk_bytes=read.disk.look(folder, afresh=log.active),
        base=log.started.base if log.started is not None else _text(sections, "model", "base"),
        data=_text(sections, "data", "train"),
        preset=None if is_foreign or not sections else preset_words(sections),
        recipe=sections,
        note=note,
        tags=runnote.tags(note),
    )


def _newest(accuracies: dict[int, float]) -> float | None:
    return accuracies[max(accuracies)] if accuracies else None


def _recipe(run: Run) -> dict[str, Any]:
    """The recipe of a run that has not told it yet; nothing where it is damaged."""
    with suppress(UserError):
        return run.recipe().to_dict()
    return {}


def _text(sections: dict[str, Any], section: str, name: str) -> str | None:
    fields = sections.get(section)
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, str) else None
