"""The processes that are at work, as tests look for them."""

from __future__ import annotations

import psutil


def living(*words: str) -> list[psutil.Process]:
    """All processes that have each of ``words`` on their command line; one that ended has none."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        line = " ".join(process.info["cmdline"] or [])
        if all(word in line for word in words):
            found.append(process)
    return found
