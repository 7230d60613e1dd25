"""``stplay watch host:run``: what the command prints of a run on another machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import run_stplay
from mistakes import assert_mistake
from runsondisk import COMPLETED, STARTED, create, worker_of, write
from samplerun import finished_run
from sshserver import SshServer
from terminal import Terminal

from stplay.runs.run import Run


@pytest.fixture
def there(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> SshServer:
    """The other machine, with a run that has finished, and one that is at work."""
    with monkeypatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(ssh_server.home))
        finished_run()
        write(create("going"), worker_of(psutil.Process()), STARTED)
    return ssh_server


def run_there(server: SshServer, name: str) -> Run:
    return Run(server.home / "data" / "runs" / name)


def test_a_run_is_shown_by_its_name_and_by_its_path(there: SshServer) -> None:
    for place in ("gpu-box:done", f"gpu-box:{run_there(there, 'done').folder}"):
        ended = run_stplay("watch", place, "--once")
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "✓ finished" in ended.stdout
        assert "0.810" in ended.stdout
    ended = run_stplay("watch", "ssh://gpu-box/~/nowhere")
    assert_mistake(ended, "There is no run nowhere on gpu-box", "stplay watch gpu-box:")
    told = "is no run of stplay's and no console log"
    assert_mistake(run_stplay("watch", f"gpu-box:{there.folder}"), told)


def test_a_console_log_is_read_there_too(there: SshServer) -> None:
    log = there.folder / "slurm 1.out"
    log.write_text("{'loss': 0.5, 'epoch': 0.1}\n{'loss': 0.25, 'epoch': 0.2}\n" * 2)
    ended = run_stplay("watch", f"gpu-box:{log}", "--once")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("0.2500") == 2
    log.write_text("hello\n")
    ended = run_stplay("watch", f"gpu-box:{log}", "--once")
    assert_mistake(ended, f"Nothing of a training can be read in gpu-box:{log}")


def test_json_is_the_log_itself(there: SshServer) -> None:
    program = [sys.executable, "-m", "stplay", "watch", "gpu-box:done", "--json"]
    done = subprocess.run(program, capture_output=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == run_there(there, "done").events_path.read_bytes()


def test_runs_are_listed_with_and_without_a_stplay_there(there: SshServer) -> None:
    ended = run_stplay("watch", "gpu-box:")
    assert ended.returncode == 0
    assert ended.stdout.split() == ["going", "done"]
    assert "No stplay is found on gpu-box" in ended.stderr
    assert "stplay watch gpu-box:going" in ended.stderr
    told = [
        json.loads(line)
        for line in run_stplay("watch", "gpu-box:", "--json").stdout.split("\n")[:-1]
    ]
    assert [each["run"] for each in told] == ["going", "done"]
    there.install_stplay()
    there.stop()
    there.start()
    ended = run_stplay("watch", "gpu-box:")
    assert ended.returncode == 0
    assert "● running" in ended.stdout
    assert "✓ finished" in ended.stdout
    told = [
        json.loads(line)
        for line in run_stplay("watch", "gpu-box:", "--json").stdout.split("\n")[:-1]
    ]
    assert {each["run"]: each["status"] for each in told} == {
        "going": "running",
        "done": "completed",
    }


def test_what_cannot_be_reached_is_one_sentence(
    there: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.stop()
    assert_mistake(run_stplay("watch", "gpu-box:done"), "gpu-box cannot be reached: ", "refused.")
    assert_mistake(run_stplay("watch", "jo@-oProxyCommand=x:done"), "is not the name of a host")
    monkeypatch.setenv("PATH", str(there.folder))
    assert_mistake(run_stplay("watch", "gpu-box:done"), "install the client of OpenSSH")


def test_a_lost_link_is_told_and_the_end_is_seen(there: SshServer) -> None:
    run = run_there(there, "going")
    with Terminal("watch", "gpu-box:going", size=(100, 30)) as terminal:
        terminal.wait_for("gpu-box  connected, ")
        there.stop()
        terminal.wait_for("gpu-box  link lost ")
        write(run, COMPLETED)
        there.start()
        text = terminal.wait_for("✓ finished")
        assert "link lost" not in text
        assert terminal.wait_for_end() == 0


def test_ctrl_c_leaves_it(there: SshServer) -> None:
    with Terminal("watch", "gpu-box:going", size=(100, 30)) as terminal:
        terminal.wait_for("connected")
        os.kill(terminal.pid, signal.SIGINT)
        assert terminal.wait_for_end() == 130
    assert run_there(there, "going").read_log().status == "running"


def test_a_password_is_asked_for_in_the_terminal(there: SshServer) -> None:
    Path(there.folder / "key").unlink()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "open sesame", "-f", there.folder / "key"],
        check=True,
    )
    (there.folder / "authorized_keys").write_bytes((there.folder / "key.pub").read_bytes())
    (there.folder / "known_hosts").unlink()
    with Terminal("watch", "gpu-box:done", "--once", size=(100, 30)) as terminal:
        terminal.wait_for("Are you sure you want to continue connecting")
        terminal.type("yes\r")
        terminal.wait_for("Enter passphrase for key")
        terminal.type("open sesame\r")
        terminal.wait_for("✓ finished")
        assert terminal.wait_for_end() == 0
