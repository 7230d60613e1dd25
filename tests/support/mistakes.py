"""How a mistake is told by the real command."""

from __future__ import annotations

import re
import subprocess


def assert_mistake(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The command ended with 2 and one line on stderr."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert re.fullmatch(r"stplay: [^\n]+\n", done.stderr), done.stderr
    assert done.stderr.rstrip("\n").isprintable()
    for part in parts:
        assert part in done.stderr
