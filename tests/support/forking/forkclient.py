"""The process that a test starts where the server forks one for it: it stands for the other.

It is what everybody knows of the two: a signal goes to it and is passed on, it ends as the other
ends, and the other ends when it is killed.
"""

from __future__ import annotations

import array
import marshal
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

# May be other than the server's: what a forked process reads of them it reads anew.
OWN = (
    "STPLAY_HOME",
    "STPLAY_REPLIES",
    "STPLAY_TESTS_GPUS",
    "PYTEST_",
    "PYTHONFAULTHANDLER",
    "TEXTUAL_",
    "COLUMNS",
    "LINES",
    "TERM",
    "PWD",
    "_",
    "TORCHINDUCTOR_CACHE_DIR",
    *("RANK", "WORLD_SIZE", "LOCAL_", "GROUP_", "ROLE_", "MASTER_", "TORCHELASTIC_", "TORCH_NCCL_"),
    "STPLAY_LAUNCHER",
    "STPLAY_STOPPING",
)
# What the libraries, and we for them, set as they are imported, in the process of a test too.
IMPORTED = {
    "GOMP_SPINCOUNT": "3000",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "KMP_DUPLICATE_LIB_OK": "True",
    "KMP_INIT_AT_FORK": "FALSE",
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "true",
}.items()

NUMBER = struct.Struct("i")
Request = tuple[list[str], dict[str, str], str, list[int], int, str]


def surroundings() -> str:
    """What a process has from its parent and what no fork can take on later."""
    process = Path("/proc/self")
    told = ("SigBlk", "SigIgn", "Uid", "Umask", "Cpus_")
    status = [line for line in _lines(process / "status") if line.startswith(told)]
    limits = _lines(process / "limits")
    spaces = sorted(str(path.readlink()) for path in (process / "ns").iterdir())
    given = sorted(os.environ.items() - IMPORTED)
    environment = [item for item in given if not item[0].startswith(OWN)]
    return repr((sys.prefix, status, limits, spaces, environment, os.nice(0)))


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def be_forked(address: str) -> None:
    """End as the process does that the server forks; return where it would not be the same."""
    server = socket.socket(socket.AF_UNIX)
    files = [file for file in _open_files() if file != server.fileno()]
    pid = 0
    if files[:3] == [0, 1, 2]:
        with suppress(OSError):  # it is not there yet, or not any more
            server.connect(address)
            pid = _ask(server, files)
    if not pid:
        server.close()
        return
    _pass_signals_on(pid)
    nothing = os.open(os.devnull, os.O_RDWR)
    for file in files:  # whoever reads at their other end reads of the other process alone
        os.dup2(nothing, file)
    (status,) = NUMBER.unpack(server.recv(4) or NUMBER.pack(signal.SIGKILL))
    _end(os.waitstatus_to_exitcode(status))


def _ask(server: socket.socket, files: list[int]) -> int:
    """The id of the process that is forked; 0 where none is."""
    request: Request = (
        sys.orig_argv,
        dict(os.environ),
        str(Path.cwd()),
        files,
        os.getpid(),
        surroundings(),
    )
    body = marshal.dumps(request)
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
    server.sendmsg([NUMBER.pack(len(body))], rights)
    server.sendall(body)
    return NUMBER.unpack(server.recv(4) or bytes(4))[0]


def _open_files() -> list[int]:
    found = []
    for path in list(Path("/proc/self/fd").iterdir()):
        with suppress(OSError):
            os.fstat(int(path.name))  # the folder's own is closed by now
            found.append(int(path.name))
    return sorted(found)


def _pass_signals_on(pid: int) -> None:
    def send(number: int, frame: FrameType | None) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, number)

    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with suppress(OSError):
            signal.signal(number, send)


def _end(code: int) -> None:
    if code < 0:
        with suppress(OSError):
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)
