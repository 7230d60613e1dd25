"""Where systemd ends a person's processes when they log out: what is done, and what is told.

There is no systemd where this is tested: programs of the same names answer as the real ones do.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import psutil
import pytest
from conftest import Command, run_stplay
from runner import small_recipe, wait_until_over
from terminal import Terminal

from stplay.jobs import logout
from stplay.runs.run import Run

USER = psutil.Process().username()
LOGINCTL = """#!/bin/sh
echo "$@" >> "$ASKED"
case "$*" in
  *--property=Linger) [ -n "$LINGER" ] && echo "Linger=$LINGER" || exit 1 ;;
  *) printf '%s\\n' "KillUserProcesses=$KILL" "KillOnlyUsers=$ONLY" "KillExcludeUsers=$EXCLUDED" ;;
esac
"""
# As the real one: in a scope it becomes the command, and keeps its own number.
SYSTEMD_RUN = """#!/bin/sh
printf '%s\\n' "$*" >> "$SCOPES"
[ -z "$NO_MANAGER" ] || { echo "Failed to connect to bus: No medium found" >&2; exit 1; }
while [ "$1" != -- ]; do shift; done
shift
exec "$@"
"""
LINGER_WORDS = "run this before: loginctl enable-linger"


@pytest.fixture
def scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A session whose end ends all of it; the file gets what systemd-run was called with."""
    folder, found = tmp_path / "programs", tmp_path / "scopes"
    folder.mkdir()
    for name, text in (("loginctl", LOGINCTL), ("systemd-run", SYSTEMD_RUN)):
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    for name, value in {
        **{"XDG_SESSION_ID": "1", "KILL": "yes", "LINGER": "yes", "EXCLUDED": "root-not"},
        **{"SCOPES": str(found), "ASKED": str(tmp_path / "asked")},
    }.items():
        monkeypatch.setenv(name, value)
    return found


@pytest.mark.parametrize(
    ("env", "ends", "told"),
    [
        ({}, True, None),
        ({"ONLY": f"{USER} other"}, True, None),
        ({"ONLY": "other"}, False, None),
        ({"EXCLUDED": f"other {USER}"}, False, None),
        ({"KILL": "no"}, False, None),
        ({"XDG_SESSION_ID": ""}, False, None),
        ({"LINGER": "no"}, True, LINGER_WORDS),
        ({"LINGER": ""}, True, LINGER_WORDS),
        ({"NO_MANAGER": "1"}, True, "systemctl --user status"),
        ({"PATH": "/there/is/none"}, False, None),
    ],
    ids=str,
)
def test_what_the_system_does_is_known(
    scopes: Path, monkeypatch: pytest.MonkeyPatch, env: dict[str, str], ends: bool, told: str | None
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    assert logout.ends_processes() == ends
    assert logout.scope() == (logout.SCOPE if ends and "NO_MANAGER" not in env else ())
    warning = logout.warning()
    assert (warning is None) if told is None else told in (warning or "")


def test_who_does_not_answer_is_not_waited_for(
    scopes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logout, "ANSWER_SECONDS", 0.2)
    loginctl = scopes.parent / "programs" / "loginctl"
    loginctl.write_text("#!/bin/sh\nexec sleep 600\n")
    assert logout.scope() == ()
    assert logout.warning() is None


@pytest.mark.torch
def test_a_training_is_started_in_a_scope_of_its_own(
    stplay: Command, scopes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is started by systemd-run, told as it was at work before, followed and stopped as any."""
    monkeypatch.setenv("LINGER", "no")
    arguments = small_recipe(tmp_path / "animals", training__max_steps="100000")
    started = stplay(*arguments, "--name", "mine", "--detach", "--json")
    assert started.returncode == 0, started.stderr
    assert LINGER_WORDS in started.stderr
    assert json.loads(started.stdout)["run"] == "mine"
    run = Run.find("mine")
    tried, called = scopes.read_text().splitlines()
    assert tried == "--user --scope --quiet --collect -- true"
    words = f"--user --scope --quiet --collect -- {sys.executable} -m {run.module} {run.folder}"
    assert called == words
    log = run.read_log()
    assert log.worker is not None
    assert log.active
    worker = psutil.Process(log.worker.pid)
    assert os.getsid(worker.pid) == worker.pid
    with Terminal(size=(120, 40)) as terminal:
        terminal.wait_for("● running")
        terminal.wait_for("enable-linger")
    stopped = run_stplay("stop", "mine")
    assert (stopped.returncode, "stopped" in stopped.stdout) == (0, True), stopped.stderr
    wait_until_over(run)
    assert run.read_log().status == "stopped"
