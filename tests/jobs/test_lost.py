"""A run on another host that is not heard of: lost, which is not failed, and soon alive again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import psutil
import pytest
from conftest import Command
from mistakes import assert_mistake
from runsondisk import STARTED, create, worker_of, write

from stplay.cli import trainingview
from stplay.errors import UserError
from stplay.jobs import worklog
from stplay.jobs.events import RunFinished, SystemSampled
from stplay.jobs.follower import Follower
from stplay.jobs.job import SILENCE_SECONDS
from stplay.jobs.worklog import Status
from stplay.runs.run import Run
from stplay.runs.runsummary import run_at_work, summary_of

BEAT = SystemSampled(cpu_percent=1.0, memory_bytes=1)


@pytest.fixture
def elsewhere(home: Path) -> Run:
    """A run at work on a host called ``gpu-box``, with a control character in its name."""
    return write(create("mine"), worker_of(psutil.Process(), host="gpu\x1b[31m-box"), STARTED)


def be_silent(run: Run, seconds: float = SILENCE_SECONDS + 1) -> None:
    then = time.time() - seconds
    os.utime(run.events_path, (then, then))


def test_silence_is_not_death(elsewhere: Run) -> None:
    be_silent(elsewhere, SILENCE_SECONDS - 5)
    assert elsewhere.read_log().status == "running"
    be_silent(elsewhere, 120)
    log = elsewhere.read_log()
    assert (log.status, log.active, log.finished) == ("lost", True, None)
    assert log.error == (
        "The run mine was last heard of 2 min 00 s ago, from gpu\ufffd[31m-box, and may be at work "
        "there still; if it is not, go on with: stplay resume mine --force"
    )
    summary = summary_of(elsewhere)
    assert (summary.status, summary.error) == ("lost", log.error)
    assert run_at_work() is None, "what may be dead for months is not shown at each start"
    write(elsewhere, BEAT)
    assert elsewhere.read_log().status == "running"
    assert run_at_work() is not None


@pytest.mark.parametrize(
    ("event", "status"),
    [(BEAT, "running"), (RunFinished(outcome="completed", exit_code=0), "completed")],
)
def test_the_next_event_tells_what_is(elsewhere: Run, event: SystemSampled, status: Status) -> None:
    follower = Follower(elsewhere)
    follower.advance()
    be_silent(elsewhere)
    follower.advance()
    assert follower.log.status == "lost"
    write(elsewhere, event)
    be_silent(elsewhere, 3600)  # the clock of the machine that keeps the files is wrong
    follower.advance()
    follower.advance()
    assert follower.log.status == status, "what grew before our eyes is alive, whatever its date"


def test_a_run_that_may_be_at_work_is_not_resumed_by_accident(elsewhere: Run) -> None:
    be_silent(elsewhere)
    with pytest.raises(UserError, match=r"may be at work there still.*stplay resume mine --force"):
        elsewhere.check_resumable()
    elsewhere.check_resumable(force=True)
    with pytest.raises(UserError, match=r"may be at work there still"):
        elsewhere.request_stop()
    write(elsewhere, BEAT)
    with pytest.raises(UserError, match="at work already"):
        elsewhere.check_resumable(force=True)


def test_the_commands_tell_it(stplay: Command, elsewhere: Run) -> None:
    be_silent(elsewhere)
    assert "? lost" in stplay("runs").stdout
    assert '"status":"lost"' in stplay("runs", "--json").stdout
    for command in (("stop", "mine"), ("resume", "mine"), ("delete", "--yes", "mine")):
        assert_mistake(stplay(*command), "The run mine was last heard of", "gpu\ufffd[31m-box")
    assert_mistake(stplay("delete", "--yes", "mine"), "stplay delete mine --force")
    assert elsewhere.folder.is_dir()
    assert stplay("delete", "--yes", "--force", "mine").returncode == 0
    assert not elsewhere.folder.exists()


def test_the_plain_view_tells_that_it_is_lost_and_heard_of_again(
    elsewhere: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    view, log = trainingview.PlainView(), elsewhere.read_log()
    view.show(log, [], b"")
    be_silent(elsewhere)
    elsewhere.check_worker(log)
    view.show(log, [], b"")
    view.show(log, [], b"")
    log.apply(BEAT)
    view.show(log, [BEAT], b"")
    first, last = capsys.readouterr().out.splitlines()
    assert first == log_error(elsewhere)
    assert last == "heard of again"


def log_error(run: Run) -> str:
    return run.read_log().error or ""


def test_every_status_is_shown_everywhere() -> None:
    for shown in (worklog.SIGNS, worklog.TONES):
        assert set(shown) == set(get_args(Status))


HERE = """
import os, sys, time
from pathlib import Path
from stplay.jobs.follower import Follower
from stplay.runs.run import Run
run = Run(Path(sys.argv[1]))
follower = Follower(run)
for _ in follower.pieces(pause=0.01):
    if follower.caught_up:
        print(follower.log.status, flush=True)
"""


def test_a_follower_does_not_end_on_it(elsewhere: Run) -> None:
    be_silent(elsewhere)
    with subprocess.Popen(
        [sys.executable, "-c", HERE, str(elsewhere.folder)], stdout=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        for _ in range(3):
            assert follower.stdout.readline() == "lost\n"
        write(elsewhere, RunFinished(outcome="stopped", exit_code=130))
        assert follower.communicate(timeout=60)[0].splitlines()[-1] == "stopped"
    assert follower.returncode == 0


def test_a_disk_that_does_not_answer_is_no_death(
    elsewhere: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = elsewhere.read_log()

    def stale(*_: object, **__: object) -> os.stat_result:
        raise OSError(116, "Stale file handle")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stale)
        elsewhere.check_worker(log)
    assert log.status == "lost"
    assert (log.error or "").endswith("events.jsonl cannot be looked at: Stale file handle")
    (elsewhere.folder / "events.jsonl").unlink()
    elsewhere.check_worker(log)
    assert log.status == "failed"
    assert "there is no folder" in (log.error or "")


def test_a_dead_process_here_is_not_lost(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        run = write(create("mine"), worker_of(psutil.Process(process.pid)), STARTED)
        be_silent(run)
        assert run.read_log().status == "running", "a process that is there may be silent"
        process.send_signal(signal.SIGKILL)
    log = run.read_log()
    assert log.status == "failed"
    assert (log.error or "").startswith(
        "The training process ended without a last word: perhaps it was killed, by a person, or "
    )
