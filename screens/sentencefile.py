"""A text file with one sentence a line."""

from __future__ import annotations

from stplay.errors import UserError
from stplay.sources import expanded
from stplay.text import printable, size

MOST_BYTES = 1 << 24


def read_sentences(name: str) -> list[str]:
    """The lines of the file called ``name`` that are not empty.

    Raises:
        UserError: it cannot be read, or is too large for an editor.
    """
    path = expanded(name)
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{printable(name)} cannot be read: {reason}.") from None
    if len(content) > MOST_BYTES:
        raise UserError(
            f"{printable(name)} is larger than {size(MOST_BYTES)}; load it as a corpus instead (n)."
        )
    lines = [line.strip() for line in content.decode("utf-8", "replace").splitlines()]
    if not any(lines):
        raise UserError(f"{printable(name)} has no sentences: all lines are empty.")
    return [line for line in lines if line]
