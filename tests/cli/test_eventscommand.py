"""``stplay events``: the bytes of a log from an offset on, until the run has ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil
from conftest import Command
from mistakes import assert_mistake
from runsondisk import COMPLETED, STARTED, create, worker_of, write

from stplay.jobs.eventlog import event_line


def test_the_bytes_of_a_log_are_printed_as_they_are(stplay: Command, tmp_path: Path) -> None:
    run = write(create("done"), worker_of(psutil.Process()), STARTED, COMPLETED)
    with run.events_path.open("ab") as file:
        file.write(b'\n\n\xff\x1b[31m{"type": "Newer"}\n{"torn": ')
    log = run.events_path.read_bytes()
    whole = log[: log.rfind(b"\n") + 1]
    for offset in (0, 7, len(whole)):
        command = [sys.executable, "-m", "stplay", "events", "done", "--from", str(offset)]
        ended = subprocess.run(command, capture_output=True, timeout=60)
        assert (ended.returncode, ended.stderr, ended.stdout) == (0, b"", whole[offset:])
    assert stplay("events", str(run.folder), "--from", str(len(whole) - 1)).stdout == "\n"
    assert_mistake(stplay("events", "done", "--from", str(len(log) + 1)), "was replaced")
    assert_mistake(stplay("events", "nobody"), "There is no run 'nobody'")
    assert stplay("events", "done", "--from", "-1").returncode == 2


def test_events_are_followed_until_the_run_has_ended(home: Path) -> None:
    run = write(create("going"), worker_of(psutil.Process()), STARTED)
    begun = run.events_path.read_bytes()
    command = [sys.executable, "-m", "stplay", "events", "going", "--follow", "--from", "5"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        read = b""
        while len(read) < len(begun) - 5:
            read += process.stdout.read(1 << 16)
        last = event_line(COMPLETED)
        with run.events_path.open("ab", buffering=0) as file:
            file.write(last[:9])
            file.write(last[9:])
        read += process.stdout.read(1 << 16)
        assert process.wait(60) == 0
    assert read == run.events_path.read_bytes()[5:]


def test_a_log_that_is_replaced_ends_it(home: Path) -> None:
    run = write(create("going"), worker_of(psutil.Process()), STARTED)
    command = [sys.executable, "-m", "stplay", "events", "going", "--follow"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        run.events_path.unlink()
        write(run, worker_of(psutil.Process()), STARTED)
        _, beside = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"was replaced by another one" in beside
