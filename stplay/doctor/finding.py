"""One thing that was looked at, what was found, and what to do about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

import msgspec
import psutil

FindingKind = Literal["ok", "note", "problem"]

SIGNS: dict[FindingKind, str] = {"ok": "✓", "note": "○", "problem": "✗"}
SOMEBODY = "USER"


class Finding(msgspec.Struct, frozen=True):
    """Of a ``section``, what is called ``name`` is as the ``text`` says.

    ``advice`` says what to do; every problem has it. Nothing in it tells who the person is: it can
    be shown to anybody.
    """

    section: str
    name: str
    kind: FindingKind
    text: str
    advice: str = ""

    @property
    def state(self) -> str:
        """Its kind as a sign and a word: ``✗ problem``."""
        return f"{SIGNS[self.kind]} {self.kind}"


def finding(section: str, name: str, kind: FindingKind, text: str, advice: str = "") -> Finding:
    """What was found, without the home and the name of whoever looks."""
    return Finding(section, name, kind, impersonal(text), impersonal(advice))


def impersonal(text: str) -> str:
    """``text`` with the home folder as ``~``, and without the user's name in other paths."""
    home = str(Path.home())
    if home != "/":
        text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    user = re.escape(psutil.Process().username().rpartition("\\")[2])
    return re.sub(rf"(?<=[/\\]){user}(?=[/\\\s'\"),;:]|$)", SOMEBODY, text)
