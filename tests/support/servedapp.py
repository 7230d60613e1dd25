"""A real ``stplay serve``, and a browser's side of it without the browser."""

from __future__ import annotations

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import aiohttp
import psutil
import pyte
from yarl import URL

COMMAND = (sys.executable, "-m", "stplay", "serve", "--port", "0")
SECONDS = 120.0  # at the most, for whatever is waited for
# pyte takes what it does not know for text: questions, and the keyboards of kitty.
UNKNOWN = re.compile(rb"\x1b\[\?2026\$p|\x1b\[[<>=][0-9;]*u")


class Served:
    """A server: its process, its address, and the token that belongs to it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.printed = process.stdout.readline().strip()
        address, _, self.token = self.printed.partition("?token=")
        assert self.token, process.communicate()
        self.url = URL(address)
        self.origin = str(self.url.origin())

    def end(self) -> tuple[int, str]:
        """Ask it to end: its exit code, and all that it said but the address."""
        self.process.send_signal(signal.SIGTERM)
        said, complained = self.process.communicate(timeout=60)
        return self.process.returncode, said + complained


@contextmanager
def served(*arguments: str, program: tuple[str, ...] = COMMAND) -> Iterator[Served]:
    """A server that listens by now."""
    process = subprocess.Popen(
        [*program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            yield Served(process)
        finally:
            if process.poll() is None:
                for app in psutil.Process(process.pid).children():
                    app.kill()
            process.kill()


class BrowserWindow:
    """A window of a browser: it has a size, shows what it is sent, and sends what is typed."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse[Any], size: tuple[int, int]) -> None:
        self.socket = socket
        self.screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        """What it shows."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    async def send(self, *told: Any) -> None:
        """Send what the page would."""
        await self.socket.send_json(told)

    async def resize(self, columns: int, lines: int) -> None:
        """Give it another size."""
        self.screen.resize(lines, columns)
        await self.send("resize", {"width": columns, "height": lines})

    async def read(self) -> Any:
        """Take in the next message."""
        message = await self.socket.receive(timeout=SECONDS)
        if message.type == aiohttp.WSMsgType.BINARY:
            self._stream.feed(UNKNOWN.sub(b"", message.data))
        return message

    async def wait_for(self, wanted: str | Callable[[str], bool]) -> str:
        """What it shows once that has, or fulfils, what is ``wanted``."""
        deadline = time.monotonic() + SECONDS
        while not (wanted in self.text if isinstance(wanted, str) else wanted(self.text)):
            message = await self.read()
            assert not self.socket.closed, (message, self.text)
            assert time.monotonic() < deadline, self.text
        return self.text

    async def wait_for_end(self) -> tuple[int | None, str]:
        """The code with which the server closes it, and why."""
        while (message := await self.read()).type != aiohttp.WSMsgType.CLOSE:
            assert not self.socket.closed, message
        return message.data, message.extra or ""


@asynccontextmanager
async def window(server: Served, size: tuple[int, int] = (80, 24)) -> AsyncIterator[BrowserWindow]:
    """A window of ``server`` that is open."""
    place = server.url.with_path("/ws").with_query(
        width=size[0], height=size[1], token=server.token
    )
    headers = {"Origin": server.origin}
    async with (
        aiohttp.ClientSession() as client,
        client.ws_connect(place, headers=headers) as socket,
    ):
        yield BrowserWindow(socket, size)


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for ``condition``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
