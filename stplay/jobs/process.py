"""THE way to start ``python -m stplay.engine.X``: for work that leaves a log, or for a reply."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, TypeVar

import msgspec

from stplay import home
from stplay.errors import UserError
from stplay.jobs import logout
from stplay.jobs.events import StageProgressed
from stplay.text import duration, printable

Process = subprocess.Popen[bytes]
Tell = Callable[[StageProgressed], None]

MOST_LOG_BYTES = 4 << 20
TAIL_BYTES = 1 << 16
HEAD = "=== python -m "  # parts the output of one process in a log from that of the next
ERROR = re.compile(r"(?:[A-Za-z_][\w.]*(?:Error|Exception|Exit|Interrupt)\b|Fatal Python error:)")
REPLIES = "STPLAY_REPLIES"  # tells a process the number of the descriptor that it replies on

# What torchrun, accelerate launch and mpirun tell each process, and torch and accelerate read.
LAUNCHERS_OWN = {
    *("RANK", "LOCAL_RANK", "GROUP_RANK", "ROLE_RANK", "ROLE_NAME"),
    *("WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE", "ROLE_WORLD_SIZE"),
    *("MASTER_ADDR", "MASTER_PORT", "FORK_LAUNCHED"),
    *("MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
}
LAUNCHERS_PREFIXES = ("TORCHELASTIC_", "ACCELERATE_", "FSDP_", "PMI_", "OMPI_COMM_", "MV2_COMM_")


class Reply(msgspec.Struct, kw_only=True, tag=True, tag_field="type"):
    """What a process was asked for: one line, after those that tell how far it is."""


class Refused(Reply):
    """Why it cannot be had, in one sentence."""

    error: str


class RefusalError(UserError):
    """The process was able to say why there is no reply."""


Kind = TypeVar("Kind", bound=Reply)


def start(module: str, *arguments: str, log: Path) -> Process:
    """Start ``python -m module`` in a session of its own, so that it outlives this process.

    Where the system ends a person's processes when they log out, it outlives that too, if it can.
    What it prints is appended to ``log``. It works in that file's folder, for Python looks for
    modules in the working folder first: not in the user's. Its input is empty.

    Raises:
        UserError: the log cannot be written, or the system starts no process.
    """
    return _launch(module, arguments, log, before=logout.scope())


def _unheard(stage: StageProgressed) -> None:
    """Take no notice."""


def ask(
    module: str,
    *arguments: str,
    kind: type[Kind],
    log: Path,
    title: str,
    given: bytes = b"",
    tell: Tell = _unheard,
    seconds: float | None = None,
) -> Kind:
    """What ``python -m module``, which gets ``given`` as its input, replies; then it is ended.

    Raises:
        UserError: as ``Asked``, as ``Asked.hear``.
    """
    with Asked(module, *arguments, log=log, title=title) as asked:
        asked.say(given, last=True)
        return asked.hear(kind, tell, seconds)


async def ask_async(
    module: str,
    *arguments: str,
    kind: type[Kind],
    log: Path,
    title: str,
    given: bytes = b"",
    tell: Tell = _unheard,
    seconds: float | None = None,
) -> Kind:
    """As ``ask``. Whoever gives up waiting ends the process.

    Raises:
        UserError: as ``ask``.
    """
    loop = asyncio.get_running_loop()

    def tell_soon(stage: StageProgressed) -> None:
        loop.call_soon_threadsafe(tell, stage)

    with Asked(module, *arguments, log=log, title=title) as asked:
        await asyncio.to_thread(asked.say, given, last=True)
        return await asyncio.to_thread(asked.hear, kind, tell_soon, seconds)


class Asked:
    """A process that replies, one JSON object a line, on a pipe of its own.

    What it and its libraries print goes to ``log``, as with ``start``. People call it ``title``.

    Raises:
        UserError: the log cannot be written, or the system starts no process.
    """

    def __init__(self, module: str, *arguments: str, log: Path, title: str) -> None:
        self.title, self.log = title, log
        reading, writing = os.pipe()
        self._replies = os.fdopen(reading, "rb")
        try:
            self.process = _launch(module, arguments, log, writing)
        except BaseException:
            self._replies.close()
            raise
        finally:
            os.close(writing)
        self._hearing = threading.Lock()
        self._is_late = False

    def __enter__(self) -> Asked:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def say(self, given: bytes, *, last: bool) -> None:
        """Put ``given`` into its input, which ends where it is the ``last``."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):  # it ended: how is told to whoever hears
            self.process.stdin.write(given)
            self.process.stdin.flush()
            if last:
                self.process.stdin.close()

    def hear(self, kind: type[Kind], tell: Tell = _unheard, seconds: float | None = None) -> Kind:
        """The next reply; until it comes, ``tell`` hears how far the process is.

        Raises:
            RefusalError: the process says why there is none.
            UserError: it ended without one, or took longer than ``seconds`` and was ended.
        """
        known = kind | Refused | StageProgressed
        decoder: msgspec.json.Decoder[Reply | StageProgressed] = msgspec.json.Decoder(known)
        with self._hearing, self._limited(seconds):
            while not self._replies.closed and (line := self._replies.readline()).endswith(b"\n"):
                match self._decoded(decoder, line):
                    case StageProgressed() as stage:
                        tell(stage)
                    case Refused(error=error):
                        raise RefusalError(error)
                    case reply:
                        assert isinstance(reply, kind)
                        return reply
            code = self.process.wait()
        if seconds is not None and self._is_late:
            raise UserError(
                f"The {self.title} took longer than {duration(seconds)} and was ended; "
                f"{output_words(self.log)}"
            )
        raise UserError(failure(self.title, code, self.log))

    def _decoded(
        self, decoder: msgspec.json.Decoder[Reply | StageProgressed], line: bytes
    ) -> Reply | StageProgressed:
        try:
            return decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise UserError(
                f"The {self.title} replied what no stplay of this version can read; "
                f"{output_words(self.log)}"
            ) from None

    @contextmanager
    def _limited(self, seconds: float | None) -> Iterator[None]:
        """Kill the process once ``seconds`` are over."""
        if seconds is None:
            yield
            return
        timer = threading.Timer(seconds, self._kill_late)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _kill_late(self) -> None:
        self._is_late = True
        self.process.kill()

    def end(self) -> None:
        """End the process; whoever waits for a reply is told so."""
        self.process.kill()
        self.process.wait()
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        with self._hearing:  # a file must not be closed while another thread reads it
            self._replies.close()


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


def _launch(
    module: str,
    arguments: tuple[str, ...],
    log: Path,
    replies: int | None = None,
    before: tuple[str, ...] = (),
) -> Process:
    asked = replies is not None
    environment = home.environment()
    take_launchers_own(environment)
    environment["PYTHONFAULTHANDLER"] = "1"  # a crash is named in the log
    with _told(module), _appended(log, module) as output:
        return subprocess.Popen(
            [*before, sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE if asked else subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=log.parent,
            env=environment | ({REPLIES: str(replies)} if asked else {}),
            pass_fds=(replies,) if asked else (),
            start_new_session=True,  # ctrl+c is the starter's
        )


def take_launchers_own(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Take out of ``environment`` what a launcher tells the processes that it starts.

    A shell may have it from one of them; torch and accelerate would wait for the others for ever.
    """
    names = [
        name for name in environment if name in LAUNCHERS_OWN or name.startswith(LAUNCHERS_PREFIXES)
    ]
    return {name: environment.pop(name) for name in names}


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
