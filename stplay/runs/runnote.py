"""What a person has written down of a run: one line, in which words that begin with # are tags."""

from __future__ import annotations

from pathlib import Path

from stplay.errors import UserError
from stplay.text import printable

FILE = "note.txt"
MOST_CHARACTERS = 500


def read(folder: Path) -> str:
    """The note of the run in ``folder``; empty where there is none."""
    try:
        with (folder / FILE).open(encoding="utf-8", errors="replace") as file:
            return printable(file.readline(MOST_CHARACTERS + 1).strip())
    except OSError:
        return ""


def write(folder: Path, note: str) -> None:
    """Keep ``note`` in place of what was noted before; an empty one removes it.

    Raises:
        UserError: it is too long, or cannot be written.
    """
    note = " ".join(printable(note).split())
    if len(note) > MOST_CHARACTERS:
        raise UserError(f"A note has at most {MOST_CHARACTERS} characters.")
    try:
        if note:
            partial = folder / f"{FILE}.partial"
            partial.write_text(f"{note}\n", encoding="utf-8", errors="replace")
            partial.replace(folder / FILE)
        else:
            (folder / FILE).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"The note of {folder.name} cannot be written: {error.strerror}.") from None


def tags(note: str) -> list[str]:
    """The tags in ``note``, without their signs."""
    return [word[1:] for word in note.split() if word.startswith("#") and word[1:]]
