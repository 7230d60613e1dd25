"""The folders of runs: by the run's name, and all of them."""

from __future__ import annotations

import os
import re
import shutil
import time
from pathlib import Path

from stplay import home
from stplay.errors import UserError
from stplay.jobs import manifest
from stplay.jobs.eventlog import EventReader
from stplay.jobs.events import CheckpointSaved, RunResumed
from stplay.text import clipped, count, printable

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
EVENTS = "events.jsonl"
PARTING = ".removed-"


class DamagedError(UserError):
    """A run's model or checkpoint is there, but not as it was saved."""


def every() -> list[Path]:
    """The folders of all runs, the one that changed last first."""
    try:
        found = [path for path in home.runs_folder().iterdir() if NAME.fullmatch(path.name)]
    except OSError:
        return []
    dated = [((path / EVENTS).stat().st_mtime, path) for path in found if (path / EVENTS).is_file()]
    return [path for _, path in sorted(dated, reverse=True)]


def find(name: str) -> Path:
    """The folder of the run called ``name``.

    Raises:
        UserError: there is none; names those that are.
    """
    folder = home.runs_folder() / name
    if NAME.fullmatch(name) and (folder / EVENTS).is_file():
        return folder
    names = [path.name for path in every()][:5]
    there = f"The newest: {', '.join(names)}." if names else "There are no runs yet."
    raise UserError(f"There is no run {printable(name)!r}. {there}")


def remove(folder: Path) -> int:
    """Remove the folder of a run and all that is in it; returns the bytes that its files had.

    It is gone for everybody at once, and from the disk when this returns.

    Raises:
        UserError: the system refuses it; names what is still there.
    """
    parting = folder.with_name(f"{PARTING}{folder.name}-{time.time_ns()}")
    try:
        folder.rename(parting)
        if parting.is_symlink():  # what it leads to is not ours to remove
            parting.unlink()
            return 0
        freed = 0
        parting.chmod(0o700)
        for inside, folders, files in os.walk(parting):
            freed += sum(Path(inside, name).lstat().st_size for name in files)
            for name in folders:
                if not Path(inside, name).is_symlink():
                    Path(inside, name).chmod(0o700)  # of a folder that is read-only nothing goes
        shutil.rmtree(parting)
    except FileNotFoundError:  # another deletion was quicker
        return 0
    except OSError as error:
        there = printable(str(error.filename or folder))
        raise UserError(f"{there} cannot be removed: {error.strerror}.") from None
    for left in folder.parent.glob(f"{PARTING}*"):  # of a deletion that was broken off
        shutil.rmtree(left, ignore_errors=True)
    return freed


def model_folder(folder: Path) -> Path:
    """The folder of the final model of the run in ``folder``.

    Raises:
        UserError: the run has no final model yet; names the newest checkpoint.
        DamagedError: a file of it has another size than when it was saved.
    """
    model = folder / "model"
    if not model.is_dir():
        if not (folder / "recipe.toml").is_file():
            raise UserError(
                f"The run {folder.name} has no model of stplay's: another program trains it. Name "
                "the folder that it saves its model in."
            )
        kept = checkpoints(folder)
        newest = f", or name its newest checkpoint: run:{folder.name}@{max(kept)}" if kept else ""
        raise UserError(
            f"The run {folder.name} has no final model yet; finish it with: "
            f"stplay resume {folder.name}{newest}"
        )
    if damage := manifest.damage(model, hashes=False):
        raise _damaged(model, damage)
    return model


def saved_checkpoints(folder: Path) -> dict[int, Path]:
    """Where the checkpoints of a run were saved, by their steps, in order.

    They need not be there or whole any more; those that a resume has replaced are left out.
    """
    reader = EventReader(folder / EVENTS)
    saved: dict[int, Path] = {}
    while events := reader.read():
        for event in events:
            if isinstance(event, CheckpointSaved):
                saved[event.step] = folder / event.path
            elif isinstance(event, RunResumed):
                saved = {step: path for step, path in saved.items() if step <= event.step}
    return dict(sorted(saved.items()))


def checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints of a run that are kept and whole, by their steps, in order.

    Whole by the sizes of their files: ``check_whole`` looks at what is in them.
    """
    return {
        step: path
        for step, path in saved_checkpoints(folder).items()
        if path.is_dir() and manifest.damage(path, hashes=False) is None
    }


def checkpoint(folder: Path, step: str) -> Path:
    """The folder of the checkpoint that the run in ``folder`` kept of ``step``.

    Raises:
        UserError: it kept none; names the steps of those that are whole.
        DamagedError: a file of it has another size than when it was saved; names the same.
    """
    saved = saved_checkpoints(folder)
    path = {str(step): path for step, path in saved.items()}.get(step)
    if path is None or not path.is_dir():
        raise UserError(
            f"The run {folder.name} kept no checkpoint of step {clipped(printable(step), 40)!r}; "
            f"kept steps: {_steps(checkpoints(folder))}."
        )
    if damage := manifest.damage(path, hashes=False):
        raise _damaged(path, damage)
    return path


def check_whole(path: Path) -> None:
    """Make sure that a run's model or checkpoint is, byte by byte, what was saved.

    Raises:
        DamagedError: it is not; names what is whole.
    """
    if damage := manifest.damage(path, hashes=True):
        raise _damaged(path, damage)


def _damaged(path: Path, damage: str) -> DamagedError:
    """The complaint about the files of a run's model or checkpoint; ``path`` is its folder."""
    if path.parent.name != "checkpoints":
        run = path.parent
        kept = checkpoints(run)
        instead = f"; name a checkpoint instead: run:{run.name}@{max(kept)}" if kept else ""
        return DamagedError(f"The model of the run {run.name} is damaged ({damage}){instead}.")
    run = path.parent.parent
    return DamagedError(
        f"The checkpoint {path.name} of the run {run.name} is damaged ({damage}); kept steps that "
        f"are whole: {_steps(checkpoints(run), path)}."
    )


def _steps(kept: dict[int, Path], but: Path | None = None) -> str:
    return ", ".join(count(step) for step, path in kept.items() if path != but) or "none"


def next_folder(folder: Path, stem: str) -> Path:
    """A new folder in ``folder``: ``<stem>-<number>``, with a number that no other ever had.

    What has gone keeps its number: a result may name it.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:60] or "run"
    numbered = re.compile(re.escape(stem) + r"-(\d{1,18})")
    names = [path.name for place in (folder, _taken(folder)) for path in place.iterdir()]
    number = max(
        (int(match[1]) for name in names if (match := numbered.fullmatch(name))), default=0
    )
    while True:
        number += 1
        path = folder / f"{stem}-{number}"
        try:
            take(path)
            path.mkdir()
        except FileExistsError:  # another start was quicker
            continue
        return path


def take(path: Path) -> None:
    """Write down that the name of ``path`` is taken, for good.

    Raises:
        FileExistsError: it was taken before.
    """
    (_taken(path.parent) / path.name).touch(exist_ok=False)


def _taken(folder: Path) -> Path:
    """The folder of the names that were ever given in ``folder``: an empty file each."""
    taken = folder.with_name(f".{folder.name}-taken")
    taken.mkdir(exist_ok=True)
    return taken
