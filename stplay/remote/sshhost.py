"""A machine that the system's own ssh reaches: one connection that everything goes through.

Its configuration, agent and jump hosts are the user's. The connection is shared by a socket in a
folder of the user's own and ends a minute after whoever used it last.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import select
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stplay.encoding.encoders import MOST_PATH_BYTES, own_folder
from stplay.errors import UserError
from stplay.jobs.process import Process
from stplay.remote.linkstate import last_words
from stplay.remote.remotescripts import shell_command
from stplay.text import printable

ASK_SECONDS = 30.0
MOST_REPLY_BYTES = 1 << 26
LAST_WORDS_SECONDS = 0.3  # it ends so soon after them
MOST_SAID_BYTES, MOST_SAID_LINES = 1 << 12, 20
SSH_FAILED = 255  # the exit code of ssh itself
SUFFIX = len(".0123456789abcdef")  # that ssh gives the socket's name while it is made
OPTIONS = (
    *("ServerAliveInterval=2", "ServerAliveCountMax=2", "ConnectTimeout=10", "Compression=yes"),
    *("ControlMaster=auto", "ControlPersist=60", "ClearAllForwardings=yes", "RequestTTY=no"),
    *("RemoteCommand=none", "PermitLocalCommand=no", "ForwardAgent=no", "ForwardX11=no"),
)
# What a person at the terminal can answer.
QUESTIONS = ("permission denied", "host key verification failed", "authentication failures")

Hear = Callable[[str], None]


class ScriptReply(NamedTuple):
    """What a script came to: its exit code, what it printed after each mark, and its last words."""

    code: int
    parts: list[bytes]
    words: str


class SshError(UserError):
    """ssh did not reach the machine; ``may_be_asked`` is whether a person could let it in."""

    def __init__(self, sentence: str, said: str) -> None:
        super().__init__(sentence)
        self.may_be_asked = asks_a_person(said)


class SshHost:
    """The machine that ssh calls ``destination``."""

    def __init__(self, destination: str) -> None:
        self.destination = destination
        self.shown = printable(destination.removeprefix("ssh://"))

    def command(self, script: str, mark: str, *arguments: str, asks: bool = False) -> list[str]:
        """What runs a script there; it asks a person only where it may.

        Raises:
            UserError: there is no ssh here.
        """
        program = shutil.which("ssh")
        if program is None:
            raise UserError("There is no ssh on this machine; install the client of OpenSSH.")
        batch = "no" if asks else "yes"
        options = (*OPTIONS, f"BatchMode={batch}", f"ControlPath={self._socket}")
        flags = [word for option in options for word in ("-o", option)]
        return [program, *flags, "--", self.destination, shell_command(script, mark, *arguments)]

    @property
    def _socket(self) -> Path:
        name = hashlib.sha256(self.destination.encode()).hexdigest()[:16]
        parents = (tempfile.gettempdir(), "/tmp")
        sockets = [Path(each) / f"stplay-{os.getuid()}-ssh" / name for each in parents]
        fits = (each for each in sockets if len(os.fsencode(each)) + SUFFIX <= MOST_PATH_BYTES)
        socket = next(fits)
        own_folder(socket.parent)
        return socket

    def forget_connection(self) -> None:
        """Connect anew the next time: the connection does not answer, and may never do so."""
        with suppress(OSError):
            self._socket.unlink(missing_ok=True)

    def start(self, script: str, mark: str, *arguments: str) -> Process:
        """Start a script there, with pipes for all that it reads and prints. It asks nobody.

        Raises:
            UserError: there is no ssh here, or the system starts no process.
        """
        return self._popen(self.command(script, mark, *arguments), stdin=subprocess.PIPE)

    def _popen(self, command: list[str], stdin: int, *, asks: bool = False) -> Process:
        try:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=not asks,  # whoever may ask needs the terminal
                # The ssh to a jump host, which knows nothing of BatchMode, opens no window either.
                env=None if asks else os.environ | {"SSH_ASKPASS_REQUIRE": "never"},
            )
        except (OSError, ValueError) as error:
            raise UserError(f"ssh cannot be started: {printable(str(error))}.") from None

    def run(
        self,
        script: str,
        *arguments: str,
        seconds: float | None = ASK_SECONDS,
        asks: bool = False,
        hear: Hear = lambda line: None,
    ) -> ScriptReply:
        """What a script there, run to its end, came to.

        ssh asks for passwords and about keys in the terminal, where it ``asks``; what else it says
        ``hear`` is told, a line at a time, but for its last words before it ends.

        Raises:
            SshError: the machine was not reached.
            UserError: it did not answer within ``seconds``, or ssh cannot be started.
        """
        mark = secrets.token_hex(8)
        command = self.command(script, mark, *arguments, asks=asks)
        process = self._popen(command, subprocess.DEVNULL, asks=asks)
        said: list[str] = []
        assert process.stdout is not None
        assert process.stderr is not None
        listener = threading.Thread(target=_listen, args=(process, said, hear), daemon=True)
        listener.start()
        late = threading.Timer(seconds, process.kill) if seconds and not asks else None
        if late is not None:
            late.start()
        try:
            printed = process.stdout.read(MOST_REPLY_BYTES)
            code = process.wait()
        finally:
            if late is not None:
                late.cancel()
            with suppress(subprocess.TimeoutExpired):
                process.wait(1.0 if asks else 0.0)  # it gives the terminal back where it asks
            process.kill()
            process.wait()
            listener.join(1.0)  # of an old ssh the shared connection keeps that pipe open
        words = last_words("\n".join(said))
        if code == SSH_FAILED:
            raise SshError(f"{self.shown} cannot be reached: {_ended(words)}", "\n".join(said))
        if code < 0:
            self.forget_connection()
            raise UserError(f"{self.shown} did not answer in time; try again.")
        return ScriptReply(code, printed.split(mark.encode() + b" ")[1:], words)


def asks_a_person(said: str) -> bool:
    """Whether ssh, which ``said`` this, would have got in where a person answers its questions."""
    return any(words in said.casefold() for words in QUESTIONS)


def _ended(words: str) -> str:
    return f"{(words or 'ssh says no more').rstrip('.')}."


def _listen(process: Process, said: list[str], hear: Hear) -> None:
    """Pass on what ssh says, but for its last words: whoever asked tells those."""
    assert process.stderr is not None
    file, begun = process.stderr.fileno(), b""
    unheard: list[str] = []
    with suppress(OSError, ValueError):
        while True:
            if not select.select([file], [], [], LAST_WORDS_SECONDS if unheard else None)[0]:
                hear(unheard.pop())
                continue
            data = os.read(file, MOST_SAID_BYTES)
            *lines, begun = (begun + (data or b"\n")).split(b"\n")
            texts = [line.decode("utf-8", "replace").strip() for line in lines]
            said.extend(filter(None, texts))
            del said[:-MOST_SAID_LINES]
            unheard.extend(map(printable, filter(None, texts)))
            while len(unheard) > 1:
                hear(unheard.pop(0))
            if not data:
                return
