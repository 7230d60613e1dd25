"""Faults of those who watch a run that is written: killed, opened anew, several at once."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from faulttable import Fault, TellFault, compared
from runsondisk import COMPLETED, STARTED, create, worker_of
from sshserver import SshServer
from terminal import Terminal

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Evaluated, Noted, TrainLogged
from stplay.runs.run import Run

KILLS = 5
KEPT_BYTES = 2000  # that one has printed at least when it is killed
ROWS = 20
PATIENCE = 240.0
# The step and the training loss, after the epoch, in a line of the table.
ROW = re.compile(r"\d\.\d{3} +(\d+) +(\d\.\d{4}) ")


def at_work() -> tuple[Run, EventWriter]:
    """A run of which this process is the training, and its log."""
    run = create("watched")
    writer = EventWriter(run.events_path)
    writer.write(worker_of(psutil.Process()))
    writer.write(STARTED)
    return run, writer


def tell_step(writer: EventWriter, step: int) -> None:
    """Tell a step as a training does, with figures that no other step has."""
    epoch = step / ROWS
    writer.write(TrainLogged(step=step, epoch=epoch, loss=1 + step / 10_000, learning_rate=1e-5))
    writer.write(Evaluated(step=step, epoch=epoch, split="dev", data="-", rows=9, max_accuracy=0.5))


@contextmanager
def watching(printed: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """``stplay`` with ``arguments``, which prints to a file; it is killed in the end."""
    command = [sys.executable, "-m", "stplay", *arguments]
    with printed.open("wb") as output, subprocess.Popen(command, stdout=output) as watcher:
        try:
            yield watcher
        finally:
            watcher.kill()


def rows(text: str) -> list[tuple[str, ...]]:
    """The steps and losses of the table on a screen."""
    return ROW.findall(text)


def shows(steps: int) -> Callable[[str], bool]:
    """Whether a screen shows the row of step ``steps``."""
    return lambda text: any(row[0] == f"{steps}" for row in rows(text))


def expected(steps: int) -> list[tuple[str, ...]]:
    """The rows of so many steps."""
    return [(f"{step}", f"{1 + step / 10_000:.4f}") for step in range(1, steps + 1)]


def test_who_watches_is_killed(home: Path, tell_fault: TellFault) -> None:
    """Each goes on at the byte where the one before it was killed, while the log is written."""
    run, writer = at_work()
    known, told = b"", 0
    for number in range(KILLS + 1):
        part = home / f"part-{number}"
        with watching(part, "events", run.id, "--follow", f"--from={len(known)}") as watcher:
            deadline = time.monotonic() + PATIENCE
            while part.stat().st_size < KEPT_BYTES:
                writer.write(Noted(level="info", text=f"{told}"))
                told += 1
                assert watcher.poll() is None
                assert time.monotonic() < deadline
            if number == KILLS:
                writer.write(COMPLETED)
                assert watcher.wait(PATIENCE) == 0
        printed = part.read_bytes()
        known += printed[: printed.rfind(b"\n") + 1]  # it may have been killed within a line
    log = run.events_path.read_bytes()
    apart = compared(known.splitlines(), log.splitlines())
    tell_fault(Fault("kill -9 of who follows a log, another goes on", KILLS, KILLS, *apart))
    assert known == log


def test_an_app_is_killed_where_two_and_another_machine_watch(
    ssh_server: SshServer, home: Path, tell_fault: TellFault
) -> None:
    """The app that is left, one that is opened, and who watches through ssh show every row once."""
    run, writer = at_work()
    remote = home / "remote"
    size = (120, 60)
    with (
        watching(remote, "watch", f"gpu-box:{run.folder}", "--json") as watcher,
        Terminal(size=size) as killed,
        Terminal(size=size) as left,
    ):
        for step in range(1, ROWS + 1):
            tell_step(writer, step)
            if step == ROWS // 2:
                for terminal in (killed, left):
                    terminal.wait_for(shows(step))
                before = run.events_path.read_bytes()
                os.kill(killed.pid, signal.SIGKILL)
                assert killed.wait_for_end() == -signal.SIGKILL
                assert run.events_path.read_bytes() == before
        with Terminal(size=size) as opened:
            apart = []
            for terminal in (opened, left):
                terminal.wait_for(shows(ROWS))
                apart.append(compared(rows(terminal.text), expected(ROWS)))
        writer.write(COMPLETED)
        assert watcher.wait(PATIENCE) == 0
        left.wait_for("✓ finished")
    tell_fault(Fault("kill -9 of the app, another is opened", 1, 1, *apart[0]))
    lines = compared(remote.read_bytes().splitlines(), run.events_path.read_bytes().splitlines())
    lost, doubled = (sum(each) for each in zip(*apart, lines, strict=True))
    tell_fault(Fault("two apps and a watcher through ssh on one run", 3, 3, lost, doubled))
