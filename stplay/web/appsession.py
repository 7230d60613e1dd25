"""A window of the app: a process of its own, which ends with the window; no training does."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from pathlib import PurePath

from aiohttp import WSCloseCode, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

from stplay import home
from stplay.terminal import BROWSER_DRIVER
from stplay.text import printable

READY = b"__GANGLION__\n"  # what Textual's driver begins with
PATIENCE_SECONDS = 5.0  # for the app to leave by itself
LEFT = "You have left stplay. What trains goes on."
MOST_REASON_BYTES = 120  # a close frame takes no more
MOST_STORY_BYTES = 4096
# What the terminal of the server is, the browser's is not.
FOREIGN = ("TMUX", "TMUX_PANE", "STY", "TERM_PROGRAM_VERSION", "WT_SESSION", "KITTY_WINDOW_ID")


class AppSession(AppService):
    """The process of the app behind one socket."""

    def __init__(self, websocket: web.WebSocketResponse, downloads: DownloadManager) -> None:
        super().__init__(
            "stplay",
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=self._close,
            download_manager=downloads,
        )
        self._websocket = websocket
        self._is_ready = False

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        there = {**home.environment(), **super()._build_environment(width, height)}
        mine = {"TEXTUAL_DRIVER": BROWSER_DRIVER, "TERM": "xterm-256color"}
        return {name: there[name] for name in there if name not in FOREIGN} | mine

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "stplay",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=self._build_environment(width, height),
            start_new_session=os.name == "posix",  # Ctrl+C is meant for the server, which tells it
        )
        self._stdin = self._process.stdin
        return self._process

    async def run(self) -> None:
        """Hand on what the app tells, until it ends."""
        process = self._process
        assert process is not None
        assert process.stdout is not None
        assert process.stderr is not None
        story = asyncio.create_task(_end_of(process.stderr))
        takers = {b"D": self.on_data, b"M": self.on_meta, b"P": self.on_packed}
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await process.stdout.readuntil(READY)
            self._is_ready = True
            while True:
                kind = await process.stdout.readexactly(1)
                size = int.from_bytes(await process.stdout.readexactly(4), "big")
                payload = await process.stdout.readexactly(size)
                with suppress(ConnectionError):  # the window is gone; the app is about to know
                    await takers[kind](payload)
        await process.wait()
        lines = (await story).decode(errors="replace").split("\n")
        await self._close(next((line for line in reversed(lines) if line.strip()), ""))

    async def on_meta(self, data: bytes) -> None:
        """Take what is no picture: the name of a file has to fit a header."""
        told = json.loads(data)
        if "path" in told:
            told["path"] = f'"{re.sub(r"[^A-Za-z0-9._ -]", "_", PurePath(told["path"]).name)}"'
        await super().on_meta(json.dumps(told).encode())

    async def _close(self, story: str = "") -> None:
        """Close the window: the app was left, or broke, as the last line of its ``story`` tells."""
        process = self._process
        is_left = self._is_ready and (process is None or process.returncode in (None, 0))
        await close(self._websocket, LEFT if is_left else story or "The app did not start.")

    async def stop(self) -> None:
        """End the process, at the latest after some seconds; nothing where it has ended."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        self._task = None
        try:
            await self._download_manager.cancel_app_downloads(self.app_service_id)
            await self.send_meta({"type": "quit"})
            await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            task.cancel()


async def _end_of(stream: asyncio.StreamReader) -> bytes:
    """The last of what is written there until its end."""
    last = b""
    while piece := await stream.read(MOST_STORY_BYTES):
        last = (last + piece)[-MOST_STORY_BYTES:]
    return last


async def close(websocket: web.WebSocketResponse, why: str, code: int = WSCloseCode.OK) -> None:
    """Close ``websocket``; the page shows ``why``, as much of it as there is room for."""
    words = printable(why).encode()
    if len(words) > MOST_REASON_BYTES:
        words = words[: MOST_REASON_BYTES - 3].decode(errors="ignore").encode() + "…".encode()
    with suppress(ConnectionError):
        await websocket.close(code=code, message=words)
