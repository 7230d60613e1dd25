"""Sentences that a person has typed, or has in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from stplay import lines
from stplay.errors import UserError
from stplay.text import printable


def sentences_of(file: str | None, typed: Iterable[str]) -> list[str]:
    """The sentences to compare: those typed and the lines of ``file``, or else of a piped input.

    Raises:
        UserError: the file cannot be read, or a sentence is no text.
    """
    found = list(typed)
    try:
        if file is not None:
            with Path(file).open("rb") as opened:
                found += lines.sentences(opened, printable(file))
        elif not found and sys.stdin is not None and not sys.stdin.isatty():
            found += lines.sentences(sys.stdin.buffer, "The input")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        shown = "The input" if file is None else printable(file)
        raise UserError(f"{shown} cannot be read: {reason}.") from None
    found = [sentence for sentence in found if sentence.strip()]
    for sentence in found:
        try:
            sentence.encode()
        except UnicodeEncodeError:
            raise UserError(f"{sentence!r} is not UTF-8 text.") from None
    return found
