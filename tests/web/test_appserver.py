"""Windows of the real server: what they show and take, how many there are, and how they end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import psutil
import pytest
from livingprocesses import living
from servedapp import served, until, window

from stplay.web.appserver import IDLE, MANY, OVER
from stplay.web.appsession import LEFT

pytestmark = pytest.mark.torch  # the app loads a model that nobody asked for yet

# What the command does, for windows that are forgotten at once, or an app that does not start.
PROGRAM = """
import sys
from stplay.web.appserver import AppServer
from stplay.web.listening import Listening
sys.executable = {python!r}
AppServer(
    Listening.at(None, 0),
    most_sessions=1,
    idle_seconds={idle_seconds},
    tell=lambda address: print(address, flush=True),
    complain=print,
).serve()
"""


def program(*, python: str = sys.executable, idle_seconds: float = 600) -> tuple[str, ...]:
    """A server that starts the app by ``python``."""
    return (sys.executable, "-c", PROGRAM.format(python=python, idle_seconds=idle_seconds))


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    """What the app has at work in the home is ended."""
    yield
    for process in living(str(home)):
        process.kill()


def apps_of(server: psutil.Process) -> list[psutil.Process]:
    """The processes of the app that ``server`` has started."""
    return server.children()


async def test_a_window_shows_the_app_and_takes_what_is_done_to_it(home: Path) -> None:
    with served("--sessions", "1") as server:
        process = psutil.Process(server.process.pid)
        async with window(server, (100, 30)) as first:
            await first.wait_for("builtin:sample")
            async with window(server) as second:
                assert await second.wait_for_end() == (1013, MANY)
            for nonsense in ("{", "[]", "[1]", '["resize", {"width": "x"}]', '["stdin", 3]', "{}"):
                await first.socket.send_str(nonsense)
            await first.socket.send_bytes(b"\xff")
            await first.send("ping", "7")
            while (message := await first.read()).type != aiohttp.WSMsgType.TEXT:
                pass
            assert message.json() == ["pong", "7"]
            await first.send("blur")
            await first.send("focus")
            await first.resize(60, 20)
            await first.wait_for(lambda text: "palette" in text.split("\n")[19])
            await first.wait_for("3 Explore")
            column = first.text.index("3 Explore") + 2
            await first.send("stdin", f"\x1b[<0;{column};1M\x1b[<0;{column};1m")  # a click there
            await first.wait_for("3  The dog has big ears.")
            await first.send("stdin", "\x1b[200~a cat sits\x1b[201~")  # pasted into its editor
            await first.wait_for("a cat sits")
            (app,) = apps_of(process)
            await first.send("stdin", "\x11")
            assert await first.wait_for_end() == (1000, LEFT)
        await until(lambda: not app.is_running())
        async with window(server) as third:
            await third.read()
            (app,) = apps_of(process)
            app.suspend()
        await until(lambda: not apps_of(process))  # a window that is closed ends its app, at worst
        async with window(server) as last:
            await last.read()
            server.process.send_signal(signal.SIGTERM)
            assert await last.wait_for_end() == (1001, OVER)
        code, said = server.end()
    assert code == 0
    assert len(said.splitlines()) == 2, said


async def test_a_forgotten_window_closes(home: Path) -> None:
    with served(program=program(idle_seconds=0.2)) as server:
        async with window(server) as forgotten:
            assert await forgotten.wait_for_end() == (1000, IDLE)


async def test_no_app_outlives_the_server(home: Path) -> None:
    with served() as server:
        async with window(server) as open_one:
            await open_one.read()
            (app,) = apps_of(psutil.Process(server.process.pid))
            server.process.kill()
            await until(lambda: not app.is_running())


async def test_an_app_that_does_not_start_says_why(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\nprintf 'a\\nIt is \\033[31m broken. %0200d\\n' 7 >&2\nexit 3\n")
    broken.chmod(0o700)
    with served(program=program(python=str(broken))) as server:
        async with window(server) as closed:
            code, why = await closed.wait_for_end()
    assert code == 1000
    assert why.startswith("It is \N{REPLACEMENT CHARACTER}[31m broken. 000")
    assert why.endswith("0…")
