"""The processes that stplay starts: in one way only, and how they ended is told as it was."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest
from checkout import ROOT

from stplay.errors import UserError
from stplay.jobs import process

STARTERS = {"subprocess", "pty", "multiprocessing"}
OS_STARTERS = ("fork", "exec", "spawn", "posix_spawn", "popen", "system", "startfile")
ANYWHERE = ("create_subprocess_", "subprocess_exec", "subprocess_shell", "ProcessPoolExecutor")


def starters(source: str) -> list[str]:
    """What ``source`` takes to start a process, or to become another one."""
    found = []
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        match node:
            case ast.Import(names=modules):
                names = [alias.name for alias in modules]
            case ast.ImportFrom(module=str(module), names=taken):
                names = [f"{module}.{alias.name}" for alias in taken]
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                names = [f"{owner}.{name}"]
            case ast.Attribute(attr=name):
                names = [name]
        for name in names:
            parts = name.split(".")
            starts = parts[0] == "os" and parts[-1].startswith(OS_STARTERS)
            if starts or parts[-1].startswith(ANYWHERE) or not STARTERS.isdisjoint(parts):
                found.append(name)
    return found


LAUNCHED = {
    "RANK": "1",
    "LOCAL_RANK": "1",
    "WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "1",
    "OMPI_COMM_WORLD_SIZE": "2",
    "PMI_SIZE": "2",
    "ACCELERATE_USE_CPU": "true",
    "TORCHELASTIC_RUN_ID": "none",
}


def test_what_a_launcher_has_left_in_a_shell_reaches_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("RANKING", "1")
    (tmp_path / "telling.py").write_text("import os\nprint(sorted(os.environ))", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    process.start("telling", log=tmp_path / "log").wait()
    told = ast.literal_eval((tmp_path / "log").read_text(encoding="utf-8"))
    assert {*LAUNCHED}.isdisjoint(told)
    assert {"RANKING", "PATH", "PYTHONPATH"} <= {*told}


def test_there_is_one_way_to_start_a_process() -> None:
    # What is no process of the engine's: torchrun, which the first starts, programs of the system,
    # ssh, and the app itself in a browser's window, which ends with it.
    others = ["engine/launch.py", "jobs/systemprogram.py", "remote/sshhost.py", "web/appsession.py"]
    allowed = [Path(process.__file__), *(ROOT / "stplay" / each for each in others)]
    sources = [*(ROOT / "stplay").rglob("*.py"), *(ROOT / "screens").rglob("*.py")]
    sources = [path for path in sources if path not in allowed]
    assert len(sources) > 80
    found = {str(path): starters(path.read_text(encoding="utf-8")) for path in sources}
    assert {path: calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess",
        "import subprocess as other",
        "import torch.multiprocessing",
        "from subprocess import Popen",
        "import asyncio\nasyncio.create_subprocess_exec('x')",
        "async def f(loop): await loop.subprocess_exec(None, 'x')",
        "import os\nos.fork()",
        "import os\nos.execv('x', [])",
        "import os\nos.system('x')",
        "from os import posix_spawn",
        "from multiprocessing import Process",
        "from concurrent.futures import ProcessPoolExecutor",
        "import pty",
    ],
)
def test_the_guard_knows_every_other_way(code: str) -> None:
    assert starters(code)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "ended with exit code 0"),
        (3, "ended with exit code 3"),
        (-9, "was killed (by a person, or by the system when memory ran out)"),
        (-11, "was ended by SIGSEGV"),
        (-15, "was ended by SIGTERM"),
        (-40, "was ended by the signal 40"),
    ],
)
def test_how_a_process_ended_is_told_in_true_words(code: int, words: str) -> None:
    assert process.ended_words(code) == words


MODULE = "madeup"


@pytest.fixture
def made(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose ``madeup.py`` can be started, and whose ``madeup.log`` is its log."""
    folder = home / "made up"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return folder


def write(folder: Path, code: str) -> Path:
    (folder / f"{MODULE}.py").write_text(code, encoding="utf-8")
    return folder / f"{MODULE}.log"


def test_a_started_process_is_on_its_own_and_leaves_a_log(made: Path) -> None:
    log = write(
        made,
        "import os, sys\n"
        "print(os.getsid(0) == os.getpid(), sys.stdin.read() == '', os.getcwd(), sys.argv[1:])\n"
        "print('aside', file=sys.stderr)\n",
    )
    assert process.start(MODULE, "a b", "-c", log=log).wait(30) == 0
    first = f"True True {made} ['a b', '-c']\n"
    assert sorted(log.read_text().splitlines()) == sorted([*first.splitlines(), "aside"])
    assert process.start(MODULE, log=log).wait(30) == 0
    assert log.read_text().count("=== python -m madeup, ") == 1, "the next one's begins anew"


def test_what_the_system_refuses_is_a_sentence(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"madeup cannot be started: embedded null byte\.$"):
        process.start(MODULE, "a\0b", log=made / "x.log")
    with pytest.raises(UserError, match=r"cannot be started: .*too long"):
        process.start(MODULE, "x" * (1 << 22), log=made / "x.log")
    (made / "file").touch()
    with pytest.raises(UserError, match=r"cannot be started: .*file"):
        process.start(MODULE, log=made / "file" / "x.log")
    monkeypatch.setattr(sys, "executable", str(made / "gone"))
    with pytest.raises(UserError, match=r"cannot be started: .*gone: No such file"):
        process.start(MODULE, log=made / "x.log")


def test_a_log_does_not_grow_without_end(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_LOG_BYTES", 10)
    log = write(made, "print('0123456789')")
    for _ in range(2):
        assert process.start(MODULE, log=log).wait(30) == 0
    assert log.read_text() == log.with_name("madeup.log.old").read_text() == "0123456789\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", None),
        ("a warning\n", None),
        ("Traceback (most recent call last):\n  File\ntorch.OutOfMemoryError: no\n", "torch.Out"),
        ("ValueError: one\nmore\nKeyError: 'two'\n", "KeyError: 'two'"),
        ("Fatal Python error: Bus error\n\nThread 1:\n  File\n", "Fatal Python error: Bus error"),
        ("ValueError: an older one\n=== python -m madeup, now ===\nall is well\n", None),
        ("OSError: \x1b]52;c;x\x07\n", "OSError: \ufffd]52;c;x\ufffd"),
    ],
)
def test_the_last_error_of_the_last_process(tmp_path: Path, text: str, error: str | None) -> None:
    log = tmp_path / "x.log"
    assert process.last_error(log) is None
    log.write_text(text)
    found = process.last_error(log)
    assert (found or "").startswith(error or "")
    assert (found is None) == (error is None)
