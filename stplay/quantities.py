"""The numbers and texts that may stand in files which others can have written.

What is out of these bounds is damaged where it is read, so that nobody has to think of it after.
JSON as msgspec reads it has neither infinities nor what is not a number.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

MOST_CHARACTERS = 1 << 24
MOST_PACKED = 1 << 20  # bytes
MOST_PROBES = 32

Moment = Annotated[float, Meta(ge=0, lt=1e11)]
"""Seconds since 1970."""

Seconds = Annotated[float, Meta(ge=0, lt=1e11)]

Whole = Annotated[int, Meta(ge=0, le=1 << 53)]
"""How many, or how many bytes: as far as a float tells whole numbers apart."""

Step = Annotated[int, Meta(ge=-1, le=1 << 53)]
"""A step; other people's logs have one before the first."""

Amount = Annotated[float, Meta(ge=0, le=1e30)]
"""Epochs, percents, something a second."""

Share = Annotated[float, Meta(ge=0, le=1)]

ProcessId = Annotated[int, Meta(gt=0, lt=1 << 31)]

ExitCode = Annotated[int, Meta(ge=0, le=255)]

Words = Annotated[str, Meta(max_length=1 << 16)]
"""A name, or a few words."""

Story = Annotated[str, Meta(max_length=MOST_CHARACTERS)]

Packed = Annotated[bytes, Meta(max_length=MOST_PACKED)]
"""Numbers as bytes; JSON has them in base64."""

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"

InnerPath = Annotated[str, Meta(max_length=200, pattern=rf"\A{_NAME}(?:/{_NAME})*\Z")]
"""A path that we gave, which stays in the folder that it is relative to."""
