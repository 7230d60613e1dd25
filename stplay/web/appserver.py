"""The server: a page, a socket a window, downloads, and what the page is made of.

textual-serve has the socket's protocol, the downloads and the terminal in the page. What is ours is
who may come in, that nothing is loaded from elsewhere, and how it ends.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from aiohttp import WSCloseCode, WSMsgType, web
from aiohttp.typedefs import Handler
from textual_serve.server import Server, to_int

from stplay.errors import UserError
from stplay.text import printable
from stplay.web.access import HEADERS, TOKEN, keep_token
from stplay.web.appsession import AppSession, close
from stplay.web.listening import Listening

PAGE = Path(__file__).parent / "page"
HEARTBEAT_SECONDS = 15.0  # a browser that is gone without a word is found out by then
SHUTDOWN_SECONDS = 10.0
ENDING = ("SIGINT", "SIGTERM", "SIGHUP")
MOST_CELLS = 1000  # of a window, either way

MANY = "As many windows are open as the server allows. Close one, or start it with more --sessions."
IDLE = "Nobody typed here for long, so the window was closed. What trains goes on."
OVER = "The server has ended. What trains goes on."


class AppServer(Server):
    """Serves the app to whoever has the address.

    ``tell`` is given the address, token and all, once it is listened there; ``complain`` what goes
    wrong inside.
    """

    def __init__(
        self,
        listening: Listening,
        *,
        most_sessions: int,
        idle_seconds: float,
        tell: Callable[[str], None],
        complain: Callable[[str], None],
    ) -> None:
        super().__init__("stplay", listening.address, listening.port, public_url="")
        self.listening, self.access = listening, listening.access()
        self.most_sessions, self.idle_seconds = most_sessions, idle_seconds
        self._tell, self._complain = tell, complain
        self._windows: set[web.WebSocketResponse] = set()

    def serve(self, debug: bool = False) -> None:
        """Serve until a signal ends it.

        Raises:
            UserError: it cannot be listened there.
        """
        asyncio.run(self.run())

    async def run(self) -> None:
        """Serve until a signal ends it; see ``serve``."""
        self.initialize_logging()
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (getattr(signal, name) for name in ENDING if hasattr(signal, name)):
            if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
                with suppress(NotImplementedError):
                    loop.add_signal_handler(number, ended.set)
        # No log of requests: their addresses have the token.
        runner = web.AppRunner(
            await self._make_app(), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        try:
            await self._listen(runner)
            url = self.listening.url(runner.addresses[0][1])
            self._tell(f"{url}?{TOKEN}={self.access.token}")
            await ended.wait()
        finally:
            await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        address, port, tls = self.listening
        try:
            await web.TCPSite(runner, address, port, ssl_context=tls).start()
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(
                f"On {printable(address)} nothing can be served at port {port}: "
                f"{printable(str(reason))}; name another by --port or --listen"
            ) from None

    def initialize_logging(self) -> None:
        """Let what goes wrong inside be told."""
        logging.basicConfig(level=logging.WARNING, handlers=[_Complaints(self._complain)])

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.add_routes(
            [
                web.get("/", self.handle_index),
                web.get("/ws", self.handle_websocket),
                web.get("/download/{key}", self.handle_download),
                web.static("/static", self.statics_path),
                web.static("/page", PAGE),
            ]
        )
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self.on_shutdown)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if refusal := self.access.refusal(request):
            return web.Response(status=403, text=f"{refusal}\n")
        if request.path == "/" and TOKEN in request.query:
            response = web.HTTPSeeOther(request.rel_url.without_query_params(TOKEN))
            keep_token(request, response, self.access.token)
            raise response
        return await handler(request)

    async def handle_index(self, request: web.Request) -> web.StreamResponse:
        """The page."""
        return web.FileResponse(PAGE / "index.html")

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A window: the app is started, and ends with the socket."""
        websocket = web.WebSocketResponse(heartbeat=HEARTBEAT_SECONDS)
        await websocket.prepare(request)
        if len(self._windows) >= self.most_sessions:
            await close(websocket, MANY, WSCloseCode.TRY_AGAIN_LATER)
            return websocket
        self._windows.add(websocket)
        session = AppSession(websocket, self.download_manager)
        try:
            size = (to_int(request.query.get(name, ""), 80) for name in ("width", "height"))
            await session.start(*map(_cells, size))
            await self._take_messages(websocket, session)
        finally:
            await session.stop()
            self._windows.discard(websocket)
        return websocket

    async def _take_messages(self, websocket: web.WebSocketResponse, session: AppSession) -> None:
        """Hand on what is typed and clicked, until the window is closed or forgotten."""
        typed = time.monotonic()
        while (left := typed + self.idle_seconds - time.monotonic()) > 0:
            try:
                message = await websocket.receive(timeout=left)
            except asyncio.TimeoutError:
                continue
            if message.type != WSMsgType.TEXT:
                if message.type != WSMsgType.BINARY:
                    return
                continue
            try:
                told = json.loads(message.data)
            except ValueError:
                continue
            match told:
                case ["stdin", str(text)]:
                    typed = time.monotonic()
                    await session.send_bytes(text.encode(errors="replace"))
                case ["resize", {"width": int(width), "height": int(height)}]:
                    await session.set_terminal_size(_cells(width), _cells(height))
                case ["ping", str(sent)]:
                    await websocket.send_json(["pong", sent])
                case ["focus"]:
                    await session.focus()
                case ["blur"]:
                    await session.blur()
        await close(websocket, IDLE)

    async def on_shutdown(self, app: web.Application) -> None:
        """Close all windows."""
        await asyncio.gather(
            *(close(each, OVER, WSCloseCode.GOING_AWAY) for each in [*self._windows])
        )


class _Complaints(logging.Handler):
    """Tells what is logged to somebody."""

    def __init__(self, complain: Callable[[str], None]) -> None:
        super().__init__()
        self._complain = complain

    def emit(self, record: logging.LogRecord) -> None:
        self._complain(self.format(record))


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _cells(number: int) -> int:
    return min(max(number, 1), MOST_CELLS)
