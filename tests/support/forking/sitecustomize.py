"""Every Python that a test starts begins with this: none imports torch where it can be forked.

Whoever is asked to be one of ``ENGINE`` hands its command line and its open files to a server that
has imported torch (forkserver.py), passes signals on to the process that is forked there, and ends
as that one ends.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import notorch  # noqa: F401: it takes effect by being imported

SERVER = "STPLAY_TESTS_FORKSERVER"
ENGINE = ("encode", "evaluate", "plan", "project", "train", "writecard")
SCRIPTS = ("train_many.py", "manyranks.py", "plain_script.py")


def is_forked(command: Sequence[str]) -> bool:
    """Whether a process with this command line spends most of its start on torch."""
    if command[1:2] == ["-m"]:
        return command[2] in [f"stplay.engine.{name}" for name in ENGINE]
    return command[1:2] != [] and command[1].endswith(SCRIPTS)


if SERVER in os.environ and notorch.WITHOUT_TORCH not in os.environ and is_forked(sys.orig_argv):
    import forkclient

    forkclient.be_forked(os.environ[SERVER])
