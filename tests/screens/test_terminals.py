"""The app in terminals of every kind: it starts, shows, and leaves them as they were."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import termios
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from checkout import ROOT
from conftest import require_program
from piloting import PATIENCE
from runner import logged, small_recipe, start, wait_for, wait_until_over
from terminal import Terminal

from stplay.runs.run import Run

CTRL_C, CTRL_Q = "\x03", "\x11"
LEFT = (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1003l", b"\x1b[?2004l", b"\x1b[?7h")


def ready(text: str) -> bool:
    """Whether the form of a new run is there."""
    return "Start" in text and "steps of 32" in text


def assert_left(terminal: Terminal, before: list[object]) -> None:
    """The terminal is as it was ``before`` the app: another shell's screen, cursor and keys."""
    assert termios.tcgetattr(terminal.file) == before
    last = terminal.output.rpartition(b"\x1b[?1049h")[2]
    assert [code for code in LEFT if code not in last] == []


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "linux", "LC_ALL": "C"},
        {"TERM": "screen", "NO_COLOR": "1"},
        {"TERM": ""},
        {"TERM": "tmux-256color", "SSH_TTY": "/dev/pts/9"},
    ],
    ids=lambda env: env["TERM"] or "none",
)
def test_in_any_terminal_it_starts_shows_and_leaves(home: Path, env: dict[str, str]) -> None:
    with Terminal(size=(100, 30), env=env) as terminal:
        before = termios.tcgetattr(terminal.file)
        text = terminal.wait_for(ready)
        assert "1 Train" in text
        if "LC_ALL" in env:
            assert terminal.output.isascii()
            assert re.search(r"Start from +sample +v", text), "the arrow of the choice"
        if "NO_COLOR" in env:
            cells = [cell for line in terminal.screen.buffer.values() for cell in line.values()]
            assert {(cell.fg, cell.bg) for cell in cells} == {("default", "default")}
            tab = [cell.data for cell in cells if cell.reverse]
            assert "1 Train" in "".join(tab), "the screen that is open is told by colour alone"
        terminal.resize(60, 20)
        terminal.type("?")
        terminal.wait_for("palette")
        terminal.type(CTRL_Q)
        assert terminal.wait_for_end() == 0
        assert_left(terminal, before)


@pytest.mark.parametrize("command", [(), ("explore", __file__)])
def test_a_dumb_terminal_is_told_of_the_commands(home: Path, command: tuple[str, ...]) -> None:
    with Terminal(*command, size=(200, 24), env={"TERM": "dumb"}) as terminal:
        assert terminal.wait_for_end() == 2
        assert "TERM=dumb cannot show the app" in terminal.text
        assert "use a command: stplay" in terminal.text
        assert b"\x1b" not in terminal.output


@pytest.fixture
def tmux(home: Path) -> Iterator[Callable[..., str]]:
    """A tmux of its own that knows nothing of a person's."""
    program, name = require_program("tmux"), f"stplay-{uuid.uuid4().hex[:8]}"

    def run(*arguments: str) -> str:
        command = [program, "-L", name, "-f", os.devnull, *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    yield run
    subprocess.run([program, "-L", name, "kill-server"], capture_output=True)


def test_inside_tmux(tmux: Callable[..., str], tmp_path: Path) -> None:
    """Its screen comes and goes, and what stood there before stands there again."""
    ended = tmp_path / "ended"
    shell = f"echo before; {sys.executable} -m stplay; echo $? > {ended}; exec cat"
    tmux("new-session", "-d", "-x", "100", "-y", "30", "-c", str(ROOT), shell)
    until_shown(tmux, ready)
    tmux("send-keys", "C-q")
    text = until_shown(tmux, lambda text: "before" in text and ended.exists())
    assert "Start" not in text
    assert ended.read_text() == "0\n"


def until_shown(tmux: Callable[..., str], wanted: Callable[[str], bool]) -> str:
    """What tmux shows once that is ``wanted``."""
    import time

    deadline = time.monotonic() + PATIENCE
    while not wanted(text := tmux("capture-pane", "-p")):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)
    return text


@pytest.fixture
def run(home: Path, tmp_path: Path) -> Iterator[Run]:
    """A run that trains on and on."""
    started = start(small_recipe(tmp_path / "animals", training__max_steps="100000"), "endless")
    wait_for(started, logged(1))
    yield started
    started.request_stop()
    wait_until_over(started)


@pytest.mark.torch
def test_no_signal_of_the_app_touches_the_training(run: Run) -> None:
    """Ctrl+C as a key and as a signal, SIGTERM, and a terminal that goes away."""
    worker = run.read_log().worker
    assert worker is not None
    with Terminal(size=(120, 40)) as terminal:
        before = termios.tcgetattr(terminal.file)
        terminal.wait_for("● running")
        terminal.type(CTRL_C)
        terminal.wait_for("ctrl+q")  # how to quit is told
        os.killpg(terminal.pid, signal.SIGINT)
        assert terminal.wait_for_end() == 130
        assert_left(terminal, before)
        assert "Traceback" not in terminal.text
    for number in (signal.SIGTERM, signal.SIGHUP):
        with Terminal(size=(120, 40)) as terminal:
            before = termios.tcgetattr(terminal.file)
            terminal.wait_for("● running")
            os.kill(terminal.pid, number)
            assert terminal.wait_for_end() == -number
            assert_left(terminal, before)
    with Terminal(size=(120, 40)) as terminal:
        terminal.wait_for("● running")
        kept = os.open(os.devnull, os.O_RDONLY)
        os.dup2(kept, terminal.file)  # the terminal is gone: the kernel tells by SIGHUP
        os.close(kept)
        _, status = os.waitpid(terminal.pid, 0)
        assert os.waitstatus_to_exitcode(status) == -signal.SIGHUP
    log = run.read_log()
    assert (log.active, log.worker, log.asked) == (True, worker, log.asked)
    newest = max(row.step for row in log.table() if row.step is not None)
    wait_for(run, logged(newest + 4))


STUCK = """
import time
from stplay.screens.shared import endingsignals
endingsignals.PATIENCE_SECONDS = 0.2
endingsignals.EndingSignals(lambda: None).hear()
print("ready", flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_an_app_that_cannot_leave_ends_all_the_same(number: signal.Signals) -> None:
    """Such as one whose link is frozen, so that nothing that it writes is taken."""
    with Terminal(program=(sys.executable, "-c", STUCK)) as terminal:
        terminal.wait_for("ready")
        os.kill(terminal.pid, number)
        assert terminal.wait_for_end() == 128 + number


def test_what_was_to_be_ignored_is_ignored_still() -> None:
    """As nohup has it for SIGHUP."""
    ignoring = ("/bin/sh", "-c", 'trap "" HUP; exec "$0" -c "$1"', sys.executable, STUCK)
    with Terminal(program=ignoring) as terminal:
        terminal.wait_for("ready")
        os.kill(terminal.pid, signal.SIGHUP)
        os.kill(terminal.pid, signal.SIGTERM)
        assert terminal.wait_for_end() == 128 + signal.SIGTERM
