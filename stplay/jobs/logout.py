"""What the system does to a person's processes when they log out, and how work is kept from it.

systemd ends all that is in the scope of a login session where KillUserProcesses of logind.conf(5)
says so, also what has a session of its own. A scope of the person's own manager, as systemd-run(1)
makes it, is no part of the login session, but the manager ends too, unless the person lingers
(loginctl(1)).
"""

from __future__ import annotations

import os

import psutil

from stplay import lines
from stplay.jobs.systemprogram import ask_program

ANSWER_SECONDS = 2.0
# It becomes what it starts: the process stays the child of whoever started it, under one number.
SCOPE = ("systemd-run", "--user", "--scope", "--quiet", "--collect", "--")
_PROPERTIES = ("KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers")


def ends_processes() -> bool:
    """Whether the end of this login session ends this person's processes, so far as is told."""
    if not os.environ.get("XDG_SESSION_ID"):
        return False
    wanted = (f"--property={name}" for name in _PROPERTIES)
    told = _told("loginctl", "show-user", *wanted)  # of no user: the manager's own
    parted = (line.partition("=") for line in lines.split(told or ""))
    values = {name: value for name, _, value in parted}
    if values.get("KillUserProcesses") != "yes":
        return False
    user = psutil.Process().username()
    only = values.get("KillOnlyUsers", "").split()
    return user not in values.get("KillExcludeUsers", "").split() and (not only or user in only)


def scope() -> tuple[str, ...]:
    """What to put before a command that is to outlive the session; nothing where it does anyway.

    Nothing as well where no manager answers that could have it.
    """
    return SCOPE if ends_processes() and _told(*SCOPE, "true") is not None else ()


def warning() -> str | None:
    """What a person should know before they start what is to go on after they log out."""
    if not ends_processes():
        return None
    told = _told("loginctl", "show-user", str(os.getuid()), "--property=Linger")
    if "Linger=yes" not in lines.split(told or ""):
        return (
            "This system ends your processes when you log out, a training too; to have it go on, "
            "run this before: loginctl enable-linger"
        )
    if not scope():
        return (
            "This system ends your processes when you log out, a training too, and your own "
            "systemd, which could keep it, does not answer; see: systemctl --user status"
        )
    return None


def _told(*command: str) -> str | None:
    """What a program of the system prints; nothing where there is none, it fails, or is silent."""
    said = ask_program(*command, seconds=ANSWER_SECONDS)
    return said.text if said is not None and said.code == 0 else None
