"""A real sshd on the loopback, as the current user, and the system's own ssh to it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType

import psutil
from conftest import require_program

PATIENCE = 60.0
SERVER = """
Port {port}
ListenAddress {address}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxStartups 100
SetEnv {environment}
"""
CLIENT = """
Include {folder}/included
Host gpu-box box-*.example !other
    HostName {address}
    Port {port}
    IdentityFile {folder}/key
    IdentitiesOnly yes
    UserKnownHostsFile {folder}/known_hosts
    LogLevel ERROR
"""


def send(number: signal.Signals, processes: Iterable[psutil.Process]) -> None:
    """Send a signal to those of ``processes`` that are still there."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


class SshServer:
    """Serves as ``gpu-box``; ``bin`` is where the ssh of the tests stands, before the system's.

    ``start`` serves this machine alone; at another ``address`` somebody else has to.
    """

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        self.folder, self.address = folder, address
        self.program = require_program("sshd")
        self.ssh = require_program("ssh")
        self.bin = folder / "bin"
        self.home = folder / "remote home"  # of stplay, over there
        self.bin.mkdir(parents=True)
        self.home.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        for name in ("host_key", "key"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
            subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
        (folder / "authorized_keys").write_bytes((folder / "key.pub").read_bytes())
        host_key = (folder / "host_key.pub").read_text()
        (folder / "known_hosts").write_text(f"[{address}]:{self.port} {host_key}")
        (folder / "included").write_text("Host = included-box\n  Port 1\nHost *\n")
        self.config = folder / "config"
        self.config.write_text(CLIENT.format(folder=folder, address=address, port=self.port))
        self._write_server()
        wrapper = self.bin / "ssh"
        wrapper.write_text(f'#!/bin/sh\nexec {self.ssh} -F "{self.config}" "$@"\n')
        wrapper.chmod(0o755)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)

    @property
    def path(self) -> str:
        """Where programs are looked for, so that the ssh of the tests is found first."""
        return f"{self.bin}{os.pathsep}{os.environ['PATH']}"

    def _write_server(self) -> None:
        environment = f'"STPLAY_HOME={self.home}" "PATH={os.defpath}"'
        text = SERVER.format(
            folder=self.folder, address=self.address, port=self.port, environment=environment
        )
        (self.folder / "sshd_config").write_text(text)

    def install_stplay(self) -> Path:
        """Have stplay found over there, by a login shell's PATH."""
        program = self.folder / "there" / "stplay"
        program.parent.mkdir()
        environment = " ".join(
            f'{name}="{os.environ[name]}"' for name in ("PYTHONPATH",) if name in os.environ
        )
        program.write_text(f'#!/bin/sh\n{environment} exec {sys.executable} -m stplay "$@"\n')
        program.chmod(0o755)
        text = (self.folder / "sshd_config").read_text()
        path = f"PATH={program.parent}:{os.defpath}"
        (self.folder / "sshd_config").write_text(text.replace(f"PATH={os.defpath}", path))
        return program

    def start(self) -> None:
        """Serve, from the time this returns on."""
        self._process = subprocess.Popen(
            [self.program, "-D", "-e", "-f", str(self.folder / "sshd_config")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "sshd.log").open("ab"),
        )
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                log = (self.folder / "sshd.log").read_text()
                assert self._process.poll() is None, log
                assert time.monotonic() < deadline, log
                time.sleep(0.02)

    def connections(self) -> list[psutil.Process]:
        """The processes of the server that serve somebody, and what they have started."""
        return psutil.Process(self._process.pid).children(recursive=True) if self._process else []

    def stop(self) -> None:
        """Serve nobody any more, and cut all connections."""
        if self._process is not None:
            send(signal.SIGKILL, [*self.connections(), psutil.Process(self._process.pid)])
            self._process.wait()
            self._process = None

    def clients(self) -> list[psutil.Process]:
        """The processes of ssh itself that reach this server, the shared connection's too."""
        found = []
        for process in psutil.process_iter():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            if any(str(self.config) in word or f"ssh: {self.folder}" in word for word in words):
                found.append(process)
        return found

    def __enter__(self) -> SshServer:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        send(signal.SIGKILL, self.clients())
