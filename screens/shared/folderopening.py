"""Opening a folder in the desktop's own file manager, where there is a desktop."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from textual.app import App

from stplay.errors import UserError
from stplay.jobs.systemprogram import leave_to_program
from stplay.terminal import is_browser, is_over_ssh
from stplay.text import printable

OPENERS = {"darwin": "open", "win32": "explorer"}


def show_folder(app: App[None], folder: Path) -> None:
    """Show ``folder`` in the file manager; where there is none, copy its path instead."""
    path = str(folder)
    try:
        open_folder(folder)
    except UserError as error:
        app.copy_to_clipboard(path)
        app.notify(f"{error.sentence} Copied instead: {printable(path)}", markup=False)
    else:
        app.notify(f"Opened: {printable(path)}", markup=False)


def open_folder(folder: Path) -> None:
    """Show ``folder`` in the file manager.

    Raises:
        UserError: there is none that the person would see, or it does not start.
    """
    program = opener()
    try:
        leave_to_program(program, str(folder))
    except OSError as error:
        raise UserError(f"{program} cannot be started: {error.strerror}.") from None


def opener() -> str:
    """The program that shows a folder here.

    Raises:
        UserError: there is none that the person would see.
    """
    if is_browser(os.environ):
        raise UserError("From a browser no file manager opens.")
    if is_over_ssh(os.environ):
        raise UserError("Over SSH no file manager opens on your screen.")
    is_drawn = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    program = OPENERS.get(sys.platform, "xdg-open")
    if (program == "xdg-open" and not is_drawn) or shutil.which(program) is None:
        raise UserError("There is no desktop here to open a folder on.")
    return program
