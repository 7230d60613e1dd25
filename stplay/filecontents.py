"""What is in a file, told from its first bytes, whatever its name says."""

from __future__ import annotations

import codecs
import gzip
import zlib
from typing import BinaryIO, cast

from stplay.errors import UserError

GZIP = b"\x1f\x8b"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
UTF_16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# What reading raises where the end of what gzip has packed is missing or damaged.
UNPACKING_ERRORS = (EOFError, zlib.error, gzip.BadGzipFile)


def unpacked(file: BinaryIO, shown: str) -> BinaryIO:
    """The open ``file`` itself, or what gzip has packed into it.

    Raises:
        UserError: the file called ``shown`` is only Git LFS's pointer to what is wanted.
    """
    head = first_bytes(file, len(LFS_POINTER))
    if head.startswith(LFS_POINTER):
        raise UserError(
            f"{shown} is only a pointer of Git LFS to the file; get the file with: git lfs pull"
        )
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if head.startswith(GZIP) else file


def first_bytes(file: BinaryIO, most: int) -> bytes:
    """The first bytes of an open file, which it will give again; of a pipe those that are there."""
    if peek := getattr(file, "peek", None):
        return peek(most)[:most]
    head = file.read(most)
    file.seek(0)
    return head
