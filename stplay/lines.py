"""Text into lines: the one place that decides where a sentence or a record ends.

A line ends with a line feed, a carriage return, or both, and with nothing else: what Python's
``str.splitlines`` also takes for an end (a form feed, U+0085, U+2028) can stand in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from stplay.errors import UserError

_END = re.compile(r"\r\n|\r|\n")


def split(text: str) -> list[str]:
    """The lines of ``text`` without their ends; a last end begins no line of its own."""
    found = _END.split(text)
    return found[:-1] if not found[-1] else found


def read(file: BinaryIO, shown: str) -> Iterator[str]:
    """The lines of an open file with their ends; a byte order mark is no part of the first.

    Raises:
        UserError: a line is not UTF-8; names it by its number in the file called ``shown``.
    """
    number = 0
    for block in file:
        for line in block.splitlines(keepends=True):  # bytes end with no others than ours
            number += 1
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise UserError(
                    f"{shown}: line {number:,} is not UTF-8 text; convert the file, for instance "
                    "with: iconv -f latin1 -t utf-8"
                ) from None


def sentences(file: BinaryIO, shown: str) -> Iterator[str]:
    """The lines of an open file without their ends, the empty ones too.

    Raises:
        UserError: as ``read``.
    """
    return (line.rstrip("\r\n") for line in read(file, shown))
