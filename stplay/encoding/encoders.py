"""The encoding processes of this user: where they listen, how one is started, which are there.

There is one for each model. It holds a lock for as long as it lives and listens on a unix socket in
a folder that only its user may enter, so that whoever reaches the socket may use the model.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from stplay import __version__, home
from stplay.encoding import protocol
from stplay.errors import UserError
from stplay.jobs import process
from stplay.jobs.process import Process
from stplay.sources.modelsources import model_source
from stplay.sources.names import MINILM, TINY, absolute
from stplay.text import printable

MODULE = "stplay.engine.encode"
MOST_PATH_BYTES = 100  # a socket's path may have 107 bytes on Linux, 103 on macOS
ANSWER_SECONDS = 5.0
LAUNCH_SECONDS = 60.0
END_SECONDS = 5.0
WAIT_SECONDS = 0.02
REPLACEMENTS = 3

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]

_launched: dict[int, Process] = {}  # by their process ids: whoever starts one learns how it ends


class Address(NamedTuple):
    """Where the encoding process of one model listens, locks and logs."""

    model: str
    allow_pickle: bool
    socket: Path
    lock: Path
    log: Path


def address(model: str, allow_pickle: bool = False) -> Address:
    """The address of the process of ``model``; makes its folders.

    Raises:
        UserError: the folder of the sockets is not this user's own, or ``model`` is no name.
    """
    model = absolute(model, Path.cwd())
    try:
        name = hashlib.sha256(f"{model}\0{allow_pickle}".encode()).hexdigest()[:16]
    except UnicodeEncodeError:
        raise UserError(f"{printable(model)!r} names no model.") from None
    folder = socket_folder()
    logs = home.cache_folder() / "encoders"
    logs.mkdir(parents=True, exist_ok=True)
    return Address(
        model, allow_pickle, folder / f"{name}.sock", folder / f"{name}.lock", logs / f"{name}.log"
    )


def socket_folder() -> Path:
    """The folder of the sockets, made where it is missing.

    Raises:
        UserError: it is not this user's own, or the system has no unix sockets.
    """
    if not hasattr(asyncio, "open_unix_connection"):
        raise UserError("Encoding needs unix sockets, which this system does not have.")
    wanted = home.runtime_folder()
    if len(os.fsencode(wanted)) + len("/0123456789abcdef.sock") <= MOST_PATH_BYTES:
        return own_folder(wanted)
    name = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:8]
    for parent in (tempfile.gettempdir(), "/tmp"):
        short = Path(parent) / f"stplay-{os.getuid()}-{name}"
        if len(os.fsencode(short)) + len("/0123456789abcdef.sock") <= MOST_PATH_BYTES:
            return own_folder(short)
    raise UserError(f"The path of {wanted} is too long for a socket; set TMPDIR to a shorter one.")


def own_folder(folder: Path) -> Path:
    """``folder``, made where it is missing, which nobody but this user may enter.

    Raises:
        UserError: it is not this user's own.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found, around = folder.lstat(), folder.parent.stat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UserError(f"{folder} belongs to someone else; remove it, or set STPLAY_HOME.")
    if around.st_uid not in (0, os.getuid()):
        raise UserError(f"{folder.parent} belongs to someone else; set STPLAY_HOME.")
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    return folder


def fingerprint(model: str) -> str:
    """What changes when the model called ``model`` does: its place, and a folder's files.

    Raises:
        UserError: the name has no known form, or what it names is missing.
    """
    if model in (TINY, MINILM):  # part of the installation
        return model
    source = model_source(model)
    digest = hashlib.sha256(repr(source).encode(errors="replace"))
    if source.kind == "folder":
        for path in sorted(Path(source.place).rglob("*")):
            with suppress(OSError):
                found = path.stat()
                digest.update(f"{path}\0{found.st_size}\0{found.st_mtime_ns}\0".encode())
    return digest.hexdigest()[:16]


def launch(place: Address, marks: str) -> Process:
    """Start a process at ``place`` for the model whose fingerprint is ``marks``.

    It ends at once, with exit code 0, where one is there already.

    Raises:
        UserError: the system starts no process.
    """
    child = process.start(MODULE, *arguments(place, marks), log=place.log)
    _launched[child.pid] = child
    return child


def ended_words(pid: int) -> str:
    """How an encoding process ended, as far as it is known here; waits a moment for its end."""
    there = "is there, but has hung up"
    if child := _launched.get(pid):
        code = process.exit_code(child, END_SECONDS)
        return "was told to end" if code == 0 else process.ended_words(code) if code else there
    try:
        psutil.Process(pid).wait(END_SECONDS)
    except psutil.TimeoutExpired:
        return there
    except psutil.Error:
        pass
    return "ended, and only the program that had started it knows how"


def arguments(place: Address, marks: str) -> list[str]:
    """The command line of the process at ``place``."""
    pickle = ["--allow-pickle"] if place.allow_pickle else []
    return [str(place.socket), place.model, marks, *pickle]


async def connect(socket: Path) -> tuple[Streams, protocol.Greeting]:
    """A connection to the process at ``socket``, and its greeting.

    Raises:
        OSError: there is none, or it does not answer.
    """
    opening = asyncio.open_unix_connection(socket, limit=protocol.BUFFER_BYTES)
    reader, writer = await opening
    try:
        greeting, _ = await asyncio.wait_for(protocol.read_answer(reader), ANSWER_SECONDS)
        if isinstance(greeting, protocol.Greeting):
            return (reader, writer), greeting
    except asyncio.TimeoutError:
        pass
    except BaseException:
        writer.close()
        raise
    writer.close()
    raise ConnectionError(f"{socket} does not answer")


async def reach(place: Address) -> tuple[Streams, protocol.Greeting]:
    """A connection to the process at ``place``, launched where there is none.

    A process of another version, or of a model that has changed since, is replaced.

    Raises:
        UserError: there is no such model, or the process does not start.
    """
    child: Process | None = None
    deadline = time.monotonic() + LAUNCH_SECONDS
    for _ in range(REPLACEMENTS):
        marks = await asyncio.to_thread(fingerprint, place.model)
        while True:
            try:
                streams, greeting = await connect(place.socket)
                break
            except protocol.ProtocolError:
                raise UserError(
                    f"What listens at {printable(str(place.socket))} is no encoder of stplay; end "
                    "it, or set STPLAY_HOME."
                ) from None
            except OSError:
                if time.monotonic() > deadline:
                    raise UserError(
                        f"The encoder of {printable(place.model)} does not answer; "
                        f"{output_words(place)}"
                    ) from None
                if child is None or child.poll() == 0:  # 0: another one had not ended yet
                    child = launch(place, marks)
                elif child.returncode is not None:
                    raise UserError(
                        f"The encoder of {printable(place.model)} could not start: it "
                        f"{process.ended_words(child.returncode)}; {output_words(place)}"
                    ) from None
                await asyncio.sleep(WAIT_SECONDS)
        same = (protocol.PROTOCOL, __version__, marks)
        if (greeting.protocol, greeting.version, greeting.fingerprint) == same:
            return streams, greeting
        await leave(streams)
        child = None
    raise UserError("stplay was changed since this command or app was started; start it again.")


async def is_there(place: Address) -> bool:
    """Whether a process listens at ``place``."""
    try:
        (_, writer), _ = await connect(place.socket)
    except OSError:
        return False
    writer.close()
    return True


async def end_unused(place: Address, since: float | None = None, mine: int = 0) -> None:
    """End the process at ``place``, unless somebody is connected or has used it lately.

    Args:
        place: where it listens.
        since: the ``time.monotonic()`` from which on a use counts; none does without it.
        mine: how many of its connections are the caller's own.
    """
    begun = time.monotonic()
    with suppress(OSError):
        streams, greeting = await connect(place.socket)
        used = since is not None and greeting.idle_seconds < begun - since
        if greeting.clients > mine or used:
            streams[1].close()
        else:
            await leave(streams)


async def warm() -> list[protocol.Greeting]:
    """The processes that are there, by the names of their models."""
    found = []
    for socket in socket_folder().glob("*.sock"):
        with suppress(OSError):
            (_, writer), greeting = await connect(socket)
            writer.close()
            found.append(greeting)
    return sorted(found, key=lambda greeting: greeting.model)


async def stop_all() -> list[protocol.Greeting]:
    """Ask all processes to end, and wait until they do not listen any more."""
    stopped = []
    for socket in socket_folder().glob("*.sock"):
        with suppress(OSError):
            streams, greeting = await connect(socket)
            await leave(streams)
            stopped.append(greeting)
    return stopped


async def leave(streams: Streams) -> None:
    """Ask the process to end, and wait until it has let go."""
    reader, writer = streams
    protocol.write(writer, protocol.Leave())
    with suppress(ConnectionError, asyncio.TimeoutError):
        await asyncio.wait_for(reader.read(), ANSWER_SECONDS)
    writer.close()


def output_words(place: Address) -> str:
    """Where to look for what went wrong, and the last error there, where there is anything."""
    if not process.last_output(place.log).strip():
        return f"it printed nothing into {printable(str(place.log))}"
    return process.output_words(place.log)
