"""What is concluded of a run on another machine, and what its words are, without any link."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from conftest import require_program
from runsondisk import STARTED

from stplay.errors import UserError
from stplay.jobs.events import TrainLogged, WorkerStarted
from stplay.remote import remotescripts
from stplay.remote.conversation import Conversation, RemoteAnswer
from stplay.remote.linkstate import LinkState
from stplay.remote.remotefeed import RemoteFeed
from stplay.remote.remotehost import RemoteView
from stplay.remote.remoterun import RemoteRun
from stplay.remote.sshhost import SshHost, asks_a_person
from stplay.runs.traininglog import TrainingLog

WORKER = WorkerStarted(host="box", pid=7, process_started=0.0)


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> tuple[RemoteRun, RemoteFeed]:
    """A run and its feed, which has no thread: what it knows is told by the test."""
    monkeypatch.setattr(RemoteFeed, "_keep", lambda self: None)
    run = RemoteRun(SshHost("gpu-box"), RemoteView("run", "/home/jo/my runs/x", "box", ""))
    feed = run.events().feed
    feed.node = "box"
    feed.state = LinkState("connected", time.monotonic())
    return run, feed


def log_of(*events: WorkerStarted | TrainLogged) -> TrainingLog:
    log = TrainingLog()
    log.fold([WORKER, STARTED, *events])
    return log


def test_a_process_that_is_down_twice_has_ended(
    followed: tuple[RemoteRun, RemoteFeed],
) -> None:
    run, feed = followed
    log = log_of()
    feed.answer = RemoteAnswer("1", 9, "up")
    run.check_worker(log)
    assert feed.asked_process == 7
    for status in ("running", "failed"):
        feed.answer = RemoteAnswer("1", 9, "down")
        for _ in range(3):  # one answer counts once
            run.check_worker(log)
        assert log.status == status
    assert "go on with: stplay resume x" in (log.error or "")
    log.fold([TrainLogged(step=1, epoch=0.1, loss=1.0, learning_rate=0.1)])
    assert log.status == "running", "its last word was on its way"


def test_a_long_silence_is_told_and_a_folder_that_is_gone(
    followed: tuple[RemoteRun, RemoteFeed],
) -> None:
    run, feed = followed
    log = log_of(WorkerStarted(host="another", pid=7, process_started=0.0))
    log.fold([STARTED])
    feed.answer = RemoteAnswer("1", 9)
    run.check_worker(log)
    assert (feed.asked_process, log.status) == (0, "running"), "it is not that machine's process"
    feed.heard -= 61
    feed.state = LinkState("lost", 0.0)
    run.check_worker(log)
    assert log.status == "running", "who hears nothing through a lost link knows nothing"
    feed.state = LinkState("connected", 0.0)
    run.check_worker(log)
    assert log.status == "lost"
    assert "has told nothing for 1 min" in (log.error or "")
    gone = log_of()
    feed.answer = RemoteAnswer("-", None)
    run.check_worker(gone)
    assert gone.status == "failed"
    assert gone.error == "The run x on gpu-box is gone: there is no /home/jo/my runs/x."


def test_answers_that_are_none_change_nothing(followed: tuple[RemoteRun, RemoteFeed]) -> None:
    _, feed = followed
    talk = Conversation(feed)
    talk._asked[1] = time.monotonic(), 0
    mark = talk._mark.encode()
    for words in (b"", b"x", b"1", b"x 1 9", b"1" * 9999 + b" 1 2 up", b"2 1 9 up"):
        talk._say(mark + b" " + words + b"\n")
    assert feed.answer is None
    talk._say(mark + b" 1 5 " + b"9" * 9999 + b" up\n")
    assert feed.answer == RemoteAnswer("5", None, "up")


def test_what_is_only_watched_says_why(followed: tuple[RemoteRun, RemoteFeed]) -> None:
    run, _ = followed
    for ask in (run.request_stop, run.resume, lambda: run.ask("checkpoint")):
        with pytest.raises(UserError, match="only watched: no stplay is found there"):
            ask()


def test_a_question_is_known_by_what_ssh_says() -> None:
    assert asks_a_person("jo@box: Permission denied (publickey,password).")
    assert asks_a_person("Host key verification failed.")
    assert not asks_a_person("ssh: connect to host box port 22: Connection refused")


@pytest.mark.parametrize("shell", ["sh", "bash", "dash", "zsh", "fish", "tcsh", "ksh"])
def test_any_login_shell_hands_a_script_over(shell: str, tmp_path: Path) -> None:
    program = require_program("sh") if shell == "sh" else shell
    folder = tmp_path / 'it\'s "a" $(touch x) `run`; *'
    folder.mkdir()
    (folder / "events.jsonl").touch()
    command = remotescripts.shell_command(remotescripts.LOOK, "MARK", str(folder))
    assert not set("\n\\!") & set(remotescripts.LOOK + remotescripts.LIST)
    try:
        done = subprocess.run([program, "-c", command], capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        pytest.skip(f"{shell} is not installed")
    assert f"MARK kind run\nMARK path {folder}\nMARK end\n" in done.stdout
    assert not (tmp_path / "x").exists()
