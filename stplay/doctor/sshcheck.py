"""SSH: the client that reaches other machines, and its agent; no host's name and no key."""

from __future__ import annotations

import os
from collections.abc import Iterator

from stplay import lines
from stplay.doctor.finding import Finding, finding
from stplay.jobs.systemprogram import ask_program
from stplay.terminal import is_over_ssh

SECTION = "ssh"
ANSWER_SECONDS = 1.0
NO_KEYS = 1  # the exit code of ssh-add(1)


def findings() -> Iterator[Finding]:
    """The client, the agent, and whether this is inside SSH."""
    said = ask_program("ssh", "-V", seconds=ANSWER_SECONDS)
    if said is not None and said.code == 0:
        yield finding(SECTION, "client", "ok", said.text.partition(",")[0])
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
    said = ask_program("ssh-add", "-l", seconds=ANSWER_SECONDS)
    if said is not None and said.code == 0:
        keys = len(lines.split(said.text))
        return finding(SECTION, "agent", "ok", f"has {keys} key{'s' if keys > 1 else ''}")
    if said is not None and said.code == NO_KEYS:
        return finding(SECTION, "agent", "note", "has no keys", "add one: ssh-add")
    told = "is named, and does not answer"
    return finding(SECTION, "agent", "note", told, "inside tmux it may be that of an earlier login")
