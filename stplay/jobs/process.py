"""THE way to start ``python -m stplay.engine.X``: for work that leaves a log, or for an answer."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from stplay import home
from stplay.errors import UserError
from stplay.text import printable

Process = subprocess.Popen[bytes]

MOST_LOG_BYTES = 4 << 20
TAIL_BYTES = 1 << 16
HEAD = "=== python -m "  # parts the output of one process in a log from that of the next
ERROR = re.compile(r"(?:[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b|Fatal Python error:)")


def start(module: str, *arguments: str, log: Path, talk: bool = False) -> Process:
    """Start ``python -m module`` in a session of its own, so that it outlives this process.

    What it prints is appended to ``log``. It works in that file's folder, for Python looks for
    modules in the working folder first: not in the user's. Its input is empty; with ``talk``, input
    and output are pipes, and only its errors go to ``log``.

    Raises:
        UserError: the log cannot be written, or the system starts no process.
    """
    pipe = subprocess.PIPE if talk else None
    with _told(module), _appended(log, module) as output:
        return subprocess.Popen(
            _command(module, *arguments),
            stdin=pipe or subprocess.DEVNULL,
            stdout=pipe or output,
            stderr=output,
            cwd=log.parent,
            env=_environment(),
            start_new_session=True,
        )


async def answer(module: str, *arguments: str, log: Path, title: str) -> bytes:
    """What ``python -m module`` prints until it ends; its errors are appended to ``log``.

    It ends with exit code 0, or with that of a ``UserError``, which is then part of the answer.
    Whoever gives up waiting ends it.

    Raises:
        UserError: it cannot be started, or it ended in another way.
    """
    with _told(module), _appended(log, module) as output:
        process = await asyncio.create_subprocess_exec(
            *_command(module, *arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            cwd=log.parent,
            env=_environment(),
            start_new_session=True,  # ctrl+c is the caller's
        )
    try:
        answered, _ = await process.communicate()
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode not in (0, UserError.exit_code):
        raise UserError(failure(title, process.returncode or 0, log))
    return answered


def exit_code(child: Process, seconds: float) -> int | None:
    """The exit code of a process; ``None`` where it does not end within so many ``seconds``."""
    try:
        return child.wait(seconds)
    except subprocess.TimeoutExpired:
        return None


def failure(title: str, code: int, log: Path) -> str:
    """How the process that people call ``title`` ended, and where to look for why."""
    return f"The {title} {ended_words(code)}; {output_words(log)}"


def ended_words(code: int) -> str:
    """How a process with this exit code, as ``subprocess`` tells it, has ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:  # a real-time signal has no name
        name = f"the signal {-code}"
    if name == "SIGKILL":
        return "was killed (by a person, or by the system when memory ran out)"
    return f"was ended by {name}"


def output_words(log: Path) -> str:
    """Where the output of a process is, and the last error in it, where it tells one."""
    told = last_error(log)
    error = f"the last error in its output is {told}; " if told else ""
    return f"{error}its output is in {printable(str(log))}"


def last_error(log: Path) -> str | None:
    """The last error that the last process printed into ``log``, on one line and safe to show."""
    found = [line for line in last_output(log).splitlines() if ERROR.match(line)]
    return printable(found[-1].strip())[:300] if found else None


def last_output(log: Path) -> str:
    """The end of what the last process printed into ``log``; nothing where there is no log."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    _, head, last = text.rpartition(HEAD)
    return last.partition("\n")[2] if head else text


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def _environment() -> dict[str, str]:
    return {**home.environment(), "PYTHONFAULTHANDLER": "1"}  # a crash leaves its name in the log


@contextmanager
def _told(module: str) -> Iterator[None]:
    """Turn what the system refuses into a sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        where = f" {printable(str(error.filename))}:" if error.filename else ""
        raise UserError(f"{module} cannot be started:{where} {reason}.") from None
    except ValueError as error:  # such as a zero byte in an argument
        raise UserError(f"{module} cannot be started: {printable(str(error))}.") from None


@contextmanager
def _appended(log: Path, module: str) -> Iterator[BinaryIO]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if log.stat().st_size > MOST_LOG_BYTES:
            log.replace(log.with_name(log.name + ".old"))
    with log.open("ab") as output:
        if output.tell():
            now = time.strftime("%Y-%m-%d %H:%M:%S")
            with suppress(OSError):  # on a full disk there is no log, but the work may go on
                os.write(output.fileno(), f"{HEAD}{module}, {now} ===\n".encode())
        yield output
