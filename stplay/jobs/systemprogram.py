"""THE way to run a program of the system: one that answers at once, or one that goes on alone."""

from __future__ import annotations

import subprocess
from typing import NamedTuple


class Said(NamedTuple):
    """What a program printed, on either output and without its last line end; its exit ``code``."""

    code: int
    text: str


def ask_program(*command: str, seconds: float) -> Said | None:
    """What a program says; nothing where there is none, or none within so many ``seconds``."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Said(done.returncode, done.stdout.decode(errors="replace").strip())


def leave_to_program(*command: str) -> None:
    """Start a program that goes on by itself, such as a file manager.

    Raises:
        OSError: it cannot be started.
    """
    subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
