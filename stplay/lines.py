"""Text into lines: the one place that decides where a sentence or a record ends.

A line ends with a line feed, a carriage return, or both, and with nothing else: what Python's
``str.splitlines`` also takes for an end (a form feed, U+0085, U+2028) can stand in a sentence.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, cast

from stplay.errors import UserError
from stplay.filecontents import UNPACKING_ERRORS, UTF_16, first_bytes, unpacked

_END = re.compile(r"\r\n|\r|\n")


def split(text: str) -> list[str]:
    """The lines of ``text`` without their ends; a last end begins no line of its own."""
    found = _END.split(text)
    return found[:-1] if not found[-1] else found


def read(file: BinaryIO, shown: str) -> Iterator[str]:
    """The lines of an open file with their ends; a byte order mark is no part of the first.

    The text is UTF-8, or UTF-16 where it begins with that mark; gzip may have packed it.

    Raises:
        UserError: a line is no such text; names it by its number in the file called ``shown``.
    """
    # Not every file shows its first bytes without a way back, which costs a download its pieces.
    peeked = file if hasattr(file, "peek") else io.BufferedReader(cast("io.RawIOBase", file))
    try:
        text = unpacked(cast("BinaryIO", peeked), shown)
        encoding = UTF_16.get(first_bytes(text, 2))
        yield from _utf_16(text, shown, encoding) if encoding else _utf_8(text, shown)
    except UNPACKING_ERRORS as error:
        raise UserError(f"{shown} is damaged, or not all there: {error}") from None
    finally:
        if isinstance(peeked, io.BufferedReader) and peeked is not file:
            _let_go(peeked)


def _utf_8(file: BinaryIO, shown: str) -> Iterator[str]:
    number = 0
    for block in file:
        for line in block.splitlines(keepends=True):  # bytes end with no others than ours
            number += 1
            if b"\0" in line:  # of UTF-16 without a mark every other byte is one
                raise UserError(
                    f"{shown}: line {number:,} has zero bytes, so it is no UTF-8 text; if it is "
                    "UTF-16, convert the file with: iconv -f utf-16le -t utf-8"
                )
            try:
                yield line.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                raise UserError(
                    f"{shown}: line {number:,} is not UTF-8 text; convert the file, for instance "
                    "with: iconv -f latin1 -t utf-8"
                ) from None


def _utf_16(file: BinaryIO, shown: str, encoding: str) -> Iterator[str]:
    text = io.TextIOWrapper(file, encoding, newline="")  # its lines end as ours do
    try:
        for number, line in enumerate(text, 1):
            yield line.removeprefix("\ufeff") if number == 1 else line
    except UnicodeDecodeError:
        raise UserError(
            f"{shown} begins as UTF-16 text, but is none, or not all there; save it as UTF-8."
        ) from None
    finally:
        _let_go(text)


def _let_go(reader: io.BufferedIOBase | io.TextIOBase) -> None:
    """Leave the file open that ``reader`` reads, which is else closed with it."""
    with suppress(ValueError):  # it is closed, where its lines were not read to their end
        reader.detach()


def sentences(file: BinaryIO, shown: str) -> Iterator[str]:
    """The lines of an open file without their ends, the empty ones too.

    Raises:
        UserError: as ``read``.
    """
    return (line.rstrip("\r\n") for line in read(file, shown))
