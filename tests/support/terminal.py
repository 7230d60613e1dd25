"""A real terminal for tests: a program in a pty, its screen read through pyte."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pyte


class Terminal:
    """A program, ``stplay`` unless told, with some arguments in a terminal of a given size."""

    def __init__(
        self,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = (sys.executable, "-m", "stplay"),
    ) -> None:
        self.screen = pyte.Screen(*size)
        self.stream = pyte.ByteStream(self.screen)
        self.output = b""
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            command = [*program, *arguments]
            # pytest-xdist says how wide its own terminal is, which this one is not.
            inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
            os.execve(command[0], command, {**inherited, "TERM": "xterm-256color", **(env or {})})
        self.resize(*size)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
        os.close(self.file)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, as a window manager does."""
        self.screen.resize(lines, columns)
        fcntl.ioctl(self.file, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def type(self, keys: str) -> None:
        """Type."""
        os.write(self.file, keys.encode())

    def read(self, seconds: float = 0.05) -> bool:
        """Take in what was printed within ``seconds``; false at the end of the program."""
        if not select.select([self.file], [], [], seconds)[0]:
            return True
        try:
            printed = os.read(self.file, 1 << 16)
        except OSError:
            return False
        self.output += printed
        # pyte takes the kitty keyboard query for text; a terminal without it stays silent.
        self.stream.feed(printed.replace(b"\x1b[>1u", b"").replace(b"\x1b[<u", b""))
        return bool(printed)

    @property
    def text(self) -> str:
        """The screen as lines of text."""
        return "\n".join(line.replace("\xa0", " ").rstrip() for line in self.screen.display)

    def wait_for(self, wanted: str | Callable[[str], bool], seconds: float = 240) -> str:
        """The screen once it shows, or fulfils, what is ``wanted``."""
        deadline = time.monotonic() + seconds
        while True:
            alive = self.read()
            found = wanted in self.text if isinstance(wanted, str) else wanted(self.text)
            if found:
                return self.text
            assert alive, f"the program ended\n{self.text}"
            assert time.monotonic() < deadline, f"not seen: {wanted}\n{self.text}"

    def wait_for_end(self, seconds: float = 240) -> int:
        """The exit code."""
        deadline = time.monotonic() + seconds
        while self.read():
            assert time.monotonic() < deadline, self.text
        _, status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(status)
