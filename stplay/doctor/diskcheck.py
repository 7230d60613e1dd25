"""The disk: where runs, made things and the Hub's downloads lie, and how much room is left."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from stplay import home
from stplay.doctor.finding import Finding, FindingKind, finding
from stplay.runs.diskuse import sizes
from stplay.text import size

SECTION = "disk"
LEAST_ROOM, LITTLE_ROOM = 1 << 30, 10 << 30  # bytes
LOOK_SECONDS = 0.4  # for each folder: of one with many files it is told how much was seen


def findings() -> Iterator[Finding]:
    """Each folder, what it takes, and what is left on its disk."""
    clear = "free some: stplay corpora --clear"
    places = (
        ("runs", home.runs_folder(), "free some: stplay runs --sort disk, stplay delete RUN"),
        ("cache", home.cache_folder(), clear),
        ("Hub's cache", hub_cache(), "free some: hf cache ls, hf cache rm"),
    )
    for name, folder, advice in places:
        yield _folder(name, folder, advice)


def hub_cache() -> Path:
    """Where the Hub's client keeps what it downloads, as its documentation has it."""
    named = os.environ.get("HF_HUB_CACHE")
    if named:
        return Path(named).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("HF_HOME") or Path(cache, "huggingface")).expanduser() / "hub"


def _folder(name: str, folder: Path, clearing: str) -> Finding:
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        advice = "let it be written to, or move all of stplay's with STPLAY_HOME"
        return finding(SECTION, name, "problem", f"{there} cannot be written", advice)
    free = shutil.disk_usage(there).free
    told = f"{folder}: {_taken(folder)}, {size(free)} free"
    kind: FindingKind = "ok" if free >= LITTLE_ROOM else "note" if free >= LEAST_ROOM else "problem"
    return finding(SECTION, name, kind, told, "" if kind == "ok" else clearing)


def _taken(folder: Path) -> str:
    """What the files in ``folder`` take, as far as it was looked through."""
    if not folder.is_dir():
        return "nothing yet"
    taken, deadline = 0, time.monotonic() + LOOK_SECONDS
    for each in sizes(folder):
        taken += each
        if time.monotonic() > deadline:
            return f"more than {size(taken)}"
    return size(taken)
