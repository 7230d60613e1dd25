"""What the tests' server forks is, to whoever asked for it, the process that was asked for."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import notorch
import pytest

pytestmark = pytest.mark.torch

CODE = """
import json, os, signal, sys
told = [sys.argv[1:], os.getcwd(), os.environ.get("GIVEN"), sys.stdin.read(), __name__]
print(json.dumps([os.getpid(), "torch" in sys.modules, told]), flush=True)
def heed(number, frame):
    sys.exit(7)
signal.signal(signal.SIGTERM, heed)
print("a warning", file=sys.stderr)
if sys.argv[1] == "wait":
    while True:
        signal.pause()
if sys.argv[1] == "die":
    os.kill(os.getpid(), signal.SIGUSR1)
raise ValueError(sys.argv[1])
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A script that is forked, once the server is there."""
    address = os.environ["STPLAY_TESTS_FORKSERVER"]
    while True:
        with socket.socket(socket.AF_UNIX) as server:
            if server.connect_ex(address) == 0:
                break
        time.sleep(0.05)
    path = tmp_path / "train_many.py"
    path.write_text(CODE, encoding="utf-8")
    return path


def started(script: Path, word: str, **environment: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, str(script), word],
        stdin=pipe,
        stdout=pipe,
        stderr=pipe,
        cwd=script.parent,
        env=os.environ | environment,
        text=True,
    )


def test_it_has_torch_and_is_the_same_in_all_else(script: Path) -> None:
    told = []
    for environment in ({}, {"HF_HUB_OFFLINE": "0"}):  # the libraries read that as they start
        process = started(script, "fail", **environment)
        output, errors = process.communicate("some input")
        pid, has_torch, words = json.loads(output)
        assert has_torch == (not environment)
        assert pid == process.pid
        assert process.returncode == 1
        assert errors.startswith("a warning\nTraceback")
        assert errors.endswith("ValueError: fail\n")
        told.append(words)
    assert told[0] == told[1] == [["fail"], str(script.parent), None, "some input", "__main__"]


def test_signals_reach_it_and_its_end_is_told(script: Path) -> None:
    died = started(script, "die")
    died.communicate("")
    assert died.returncode == -signal.SIGUSR1
    for number, code in ((signal.SIGTERM, 7), (signal.SIGKILL, -signal.SIGKILL)):
        process = started(script, "wait")
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.close()
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())[0] == process.pid
        assert process.stderr.readline() == "a warning\n"
        process.send_signal(number)
        assert process.wait() == code
        assert process.stdout.read() == "", "it holds its output open for as long as it lives"


def test_a_test_that_is_to_need_no_torch_cannot_have_it(tmp_path: Path) -> None:
    environment = os.environ | {notorch.WITHOUT_TORCH: str(tmp_path / "wanted")}
    done = subprocess.run(
        [sys.executable, "-c", "import torch"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "torch is for the tests that are marked with pytest.mark.torch" in done.stderr
    assert (tmp_path / "wanted").read_text() == "torch"


def test_a_test_that_has_imported_the_libraries_has_its_processes_forked(script: Path) -> None:
    code = "import os; from stplay.engine.worker.libraries import quiet_libraries as quiet; quiet()"
    code += "; import torch, sentence_transformers, json; print(json.dumps(dict(os.environ)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    process = started(script, "fail", **json.loads(done.stdout))
    output, _ = process.communicate("")
    _, has_torch, _ = json.loads(output)
    assert has_torch
