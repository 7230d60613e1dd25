"""The folders of runs: by the run's name, and all of them."""

from __future__ import annotations

import re
from pathlib import Path

from stplay import home
from stplay.errors import UserError
from stplay.text import printable

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
EVENTS = "events.jsonl"


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


def model_folder(folder: Path) -> Path:
    """The folder of the final model of the run in ``folder``.

    Raises:
        UserError: the run has no final model yet.
    """
    model = folder / "model"
    if not model.is_dir():
        raise UserError(
            f"The run {folder.name} has no final model yet; finish it with: "
            f"stplay resume {folder.name}"
        )
    return model
