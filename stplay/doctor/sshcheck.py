"""SSH: the client that reaches other machines, and its agent; no host's name and no key."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

from stplay import lines
from stplay.doctor.finding import Finding, finding
from stplay.terminal import is_over_ssh

SECTION = "ssh"
ANSWER_SECONDS = 1.0
NO_KEYS, NO_AGENT = 1, 2  # exit codes of ssh-add(1)


def findings() -> Iterator[Finding]:
    """The client, the agent, and whether this is inside SSH."""
    code, told = _asked("ssh", "-V")
    if code == 0:
        yield finding(SECTION, "client", "ok", told.partition(",")[0])
    else:
        advice = "to watch runs of other machines, install OpenSSH's client"
        yield finding(SECTION, "client", "note", "there is no ssh that answers", advice)
    yield _agent()
    inside = "yes" if is_over_ssh(os.environ) else "no"
    yield finding(SECTION, "inside SSH", "ok", inside)


def _agent() -> Finding:
    advice = "where a key has a passphrase: eval $(ssh-agent), ssh-add"
    if not os.environ.get("SSH_AUTH_SOCK"):
        return finding(SECTION, "agent", "note", "none", advice)
    code, told = _asked("ssh-add", "-l")
    if code == 0:
        keys = len(lines.split(told))
        return finding(SECTION, "agent", "ok", f"has {keys} key{'s' if keys > 1 else ''}")
    if code == NO_KEYS:
        return finding(SECTION, "agent", "note", "has no keys", "add one: ssh-add")
    told = "is named, and does not answer"
    return finding(SECTION, "agent", "note", told, "inside tmux it may be that of an earlier login")


def _asked(*command: str) -> tuple[int, str]:
    """The exit code of a program, and what it says on either output."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=ANSWER_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return NO_AGENT, ""
    return done.returncode, done.stdout.decode(errors="replace").strip()
