"""A real Chromium without a screen, steered by the protocol of its developer tools."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pyte
from servedapp import SECONDS, UNKNOWN

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
CONTROL = 2


class ChromiumPage:
    """A page, and the terminal in it, as the bytes tell that reach it."""

    def __init__(self, socket: Any) -> None:
        self._socket = socket
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = count(1)
        self._changed = asyncio.Event()
        self.complaints: list[str] = []
        self.requested: list[str] = []
        self.screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        """What the terminal shows."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    async def read(self) -> None:
        """Take in what Chromium tells, for as long as it does."""
        async for message in self._socket:
            told = json.loads(message.data)
            if "id" in told:
                self._asked.pop(told["id"]).set_result(told)
            else:
                self._take(told["method"], told["params"])
            self._changed.set()

    def _take(self, method: str, told: dict[str, Any]) -> None:
        if method == "Network.webSocketFrameReceived" and told["response"]["opcode"] == 2:
            data = base64.b64decode(told["response"]["payloadData"])
            self._stream.feed(UNKNOWN.sub(b"", data))
        elif method == "Network.webSocketFrameSent":
            sent = json.loads(told["response"]["payloadData"])
            if sent[0] == "resize":
                self.screen.resize(sent[1]["height"], sent[1]["width"])
        elif method == "Network.requestWillBeSent":
            self.requested.append(told["request"]["url"])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(told["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"]))

    async def ask(self, method: str, **named: Any) -> dict[str, Any]:
        """The answer of Chromium."""
        number = next(self._numbers)
        self._asked[number] = asyncio.get_running_loop().create_future()
        answer = self._asked[number]
        await self._socket.send_json({"id": number, "method": method, "params": named})
        told = await asyncio.wait_for(answer, SECONDS)
        assert "error" not in told, (method, told)
        return told["result"]

    async def value(self, script: str) -> Any:
        """What ``script`` comes to in the page, as if a click had started it."""
        told = await self.ask(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            userGesture=True,
            returnByValue=True,
        )
        return told["result"].get("value")

    async def press(self, key: str, modifiers: int = 0, commands: tuple[str, ...] = ()) -> None:
        """Press a key and let it go."""
        code = {"Enter": 13, "Escape": 27}.get(key, ord(key[0].upper()))
        told: dict[str, Any] = {"key": key, "modifiers": modifiers, "windowsVirtualKeyCode": code}
        typed = {"Enter": "\r", "Escape": ""}.get(key, "" if modifiers else key)
        extra = {"text": typed} if typed else {}
        await self.ask(
            "Input.dispatchKeyEvent", type="keyDown", commands=[*commands], **told, **extra
        )
        await self.ask("Input.dispatchKeyEvent", type="keyUp", **told)

    async def click(self, words: str) -> None:
        """Click where ``words`` stand in the terminal."""
        row, line = next(each for each in enumerate(self.screen.display) if words in each[1])
        box = await self.value(
            "(({x, y, width, height}) => [x, y, width, height])"
            "(document.querySelector('.xterm-screen').getBoundingClientRect())"
        )
        place = {
            "x": box[0] + (line.index(words) + 1) * box[2] / self.screen.columns,
            "y": box[1] + (row + 0.5) * box[3] / self.screen.lines,
        }
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.ask(
                "Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place
            )

    async def wait_for(self, wanted: str | Callable[[str], object]) -> str:
        """What the terminal shows once that has, or fulfils, what is ``wanted``."""

        async def wait() -> None:
            while not (wanted in self.text if isinstance(wanted, str) else wanted(self.text)):
                self._changed.clear()
                await self._changed.wait()

        try:
            await asyncio.wait_for(wait(), SECONDS)
        except asyncio.TimeoutError:
            raise AssertionError(f"{wanted} was not seen: {self.complaints}\n{self.text}") from None
        return self.text


@asynccontextmanager
async def chromium(program: str, folder: Path) -> AsyncIterator[ChromiumPage]:
    """Chromium with an empty page; what it downloads goes to ``downloads`` in ``folder``."""
    asked = ("--remote-debugging-port=0", f"--user-data-dir={folder / 'profile'}", "about:blank")
    process = subprocess.Popen([program, *OPTIONS, *asked], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    with process:
        try:
            port = None
            while port is None:
                line = process.stderr.readline()
                assert line, "Chromium did not start"
                port = re.search(r"DevTools listening on ws://[^:]*:(\d+)", line)
            async with aiohttp.ClientSession() as client:
                async with client.get(f"http://127.0.0.1:{port[1]}/json") as answer:
                    pages = [each for each in await answer.json() if each["type"] == "page"]
                place = pages[0]["webSocketDebuggerUrl"]
                async with client.ws_connect(place, max_msg_size=0) as socket:
                    page = ChromiumPage(socket)
                    reading = asyncio.create_task(page.read())
                    for domain in ("Log", "Runtime", "Page", "Network"):
                        await page.ask(f"{domain}.enable")
                    await page.ask(
                        "Browser.setDownloadBehavior",
                        behavior="allow",
                        downloadPath=str(folder / "downloads"),
                    )
                    await page.ask(
                        "Browser.grantPermissions",
                        permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
                    )
                    yield page
                    reading.cancel()
        finally:
            process.kill()
