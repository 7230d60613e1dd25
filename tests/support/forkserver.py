"""A process that has imported torch and its friends and forks the tests' engine processes.

``python forkserver.py SOCKET PID`` serves on the socket until the process of that id ends. What it
forks takes itself for the process that was asked for (forking/forkclient.py), which stands for it
and has its id: whoever starts, watches or kills one sees that one alone. Where it would differ, as
with another environment or a limit, that one is asked to start by itself.
"""

from __future__ import annotations

import faulthandler
import fcntl
import io
import marshal
import os
import runpy
import select
import signal
import socket
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from forkclient import NUMBER, Request, surroundings

MOST_FILES = 64
HIGH = 512  # above the number of any file that is handed over


def start(address: str, environment: dict[str, str], watched: int) -> None:
    """Start a server, unless there is one; until it is ready, each process imports for itself."""
    with Path(f"{address}.log").open("ab") as log:
        subprocess.Popen(
            [sys.executable, __file__, address, str(watched)],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


class Server:
    """Forks for whoever connects."""

    def __init__(self, listener: socket.socket, watched: int) -> None:
        self.listener, self.watched = listener, watched
        self.surroundings = surroundings()
        self.poll = select.poll()
        self.clients: dict[int, socket.socket] = {}  # by the descriptor of their process
        self.processes: dict[int, tuple[int, int]] = {}  # of a client: its id and descriptor

    def serve(self) -> Request | None:
        """Serve until whoever is watched ends; in a forked process: what that is to be."""
        watched = os.pidfd_open(self.watched)
        for file in (self.listener.fileno(), watched):
            self.poll.register(file, select.POLLIN)
        while True:
            for file, _ in self.poll.poll():
                if file == watched:
                    return None
                if file in self.clients:
                    self._tell_the_end(file)
                elif file in self.processes:  # nobody waits for it any more
                    with suppress(ProcessLookupError):
                        os.kill(self.processes[file][0], signal.SIGKILL)
                    self.poll.unregister(file)
                elif file == self.listener.fileno() and (request := self._fork()):
                    return request

    def _fork(self) -> Request | None:
        client, _ = self.listener.accept()
        with suppress(OSError, struct.error):  # it may have gone meanwhile
            head, files, _, _ = socket.recv_fds(client, 4, MOST_FILES)
            request: Request = marshal.loads(_received(client, *NUMBER.unpack(head)))
            if request[-1] == self.surroundings:
                pid = os.fork()
                if pid == 0:
                    self._forget(client)
                    _take(files, request[3])
                    return request
                self._keep(client, pid)
            else:
                client.sendall(NUMBER.pack(0))
                client.close()
            for file in files:
                os.close(file)
        return None

    def _keep(self, client: socket.socket, pid: int) -> None:
        process = os.pidfd_open(pid)
        self.clients[process] = client
        self.processes[client.fileno()] = pid, process
        self.poll.register(process, select.POLLIN)
        self.poll.register(client, select.POLLIN)
        with suppress(OSError):
            client.sendall(NUMBER.pack(pid))

    def _tell_the_end(self, process: int) -> None:
        client = self.clients.pop(process)
        pid, _ = self.processes.pop(client.fileno())
        _, status = os.waitpid(pid, 0)
        with suppress(OSError):
            client.sendall(NUMBER.pack(status))
        for file in (process, client.fileno()):
            with suppress(KeyError):
                self.poll.unregister(file)
        client.close()
        os.close(process)

    def _forget(self, client: socket.socket) -> None:
        """Their descriptors are closed by number, and are soon others'."""
        for each in (self.listener, client, *self.clients.values()):
            each.detach()


def _received(client: socket.socket, length: int) -> bytes:
    body = b""
    while len(body) < length:
        piece = client.recv(length - len(body))
        if not piece:
            raise ConnectionResetError
        body += piece
    return body


def _take(files: list[int], numbers: list[int]) -> None:
    """Have the received files under the numbers that they are to have, and no others."""
    high = [fcntl.fcntl(file, fcntl.F_DUPFD, HIGH) for file in files]
    os.closerange(0, HIGH)
    for file, number in zip(high, numbers, strict=True):
        os.dup2(file, number)
        os.close(file)


def _be_known_as(pid: int) -> None:
    """Have this id, by which the process that stands for this one is found; no child has it."""
    own = os.getpid
    os.getpid = lambda: pid
    os.register_at_fork(after_in_child=lambda: setattr(os, "getpid", own))


def become(request: Request) -> None:
    """Be the Python that was asked for."""
    command, environment, folder, _, pid, _ = request
    os.setsid()
    _be_known_as(pid)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(
        open(2, "wb", closefd=False),  # noqa: SIM115
        errors="backslashreplace",
        line_buffering=True,
    )
    if "PYTHONFAULTHANDLER" in environment:
        faulthandler.enable()
    sys.modules["numpy"].random.seed()
    sys.orig_argv = command
    if command[1] == "-m":
        sys.argv = command[2:]
        sys.path[0] = folder
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command[1:]
        sys.path[0] = str(Path(command[1]).parent)
        runpy.run_path(command[1], run_name="__main__")


def import_libraries() -> None:
    """Import what the engine's processes import; no fork would have a thread that runs now."""
    from stplay.engine.worker.libraries import LIBRARIES, import_quickly, quiet_libraries

    quiet_libraries()
    for name in (*LIBRARIES, "stplay.engine.training.trainer"):
        import_quickly(name)
    tasks = Path("/proc/self/task").glob("*/comm")
    threads = sorted(task.read_text().strip() for task in tasks)
    assert len(set(threads) - {"jemalloc_bg_thd"}) == 1, threads  # that one knows of forks


def main() -> None:
    """Serve on the socket of the command line, unless another process does."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(sys.argv[1])
    except OSError:
        return
    server = Server(listener, int(sys.argv[2]))
    import_libraries()
    listener.listen(64)
    request = server.serve()
    if request is not None:
        become(request)


if __name__ == "__main__":
    main()
