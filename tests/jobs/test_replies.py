"""Processes that reply on a pipe of their own: no print spoils it, whoever asks can end them."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from livingprocesses import living

from stplay.errors import UserError
from stplay.jobs import process
from stplay.jobs.events import StageProgressed
from stplay.jobs.process import Asked, RefusalError, Reply

MODULE = "replies_made_up"
TITLE = "odd process"
HEAD = """
import os, sys, time
from stplay.engine.worker import replies
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs.process import Reply
class Sum(Reply):
    total: int
"""


class Sum(Reply):
    total: int


Starter = Callable[..., Sum]


@pytest.fixture
def made(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose module can be started."""
    folder = home / "made up"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    return folder


def write(folder: Path, code: str) -> Path:
    """A module that is made of ``code``; returns its log."""
    (folder / f"{MODULE}.py").write_text(HEAD + code, encoding="utf-8")
    return folder / "x.log"


def working(body: str, outlives: bool = False) -> str:
    """A module whose work is ``body``."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    return f"def work(told):\n{lines}sys.exit(replies.reply(work, outlives={outlives}))\n"


def ask(log: Path, seconds: float | None = None) -> Sum:
    return process.ask(MODULE, kind=Sum, log=log, title=TITLE, seconds=seconds)


def ask_async(log: Path, seconds: float | None = None) -> Sum:
    asked = process.ask_async(MODULE, kind=Sum, log=log, title=TITLE, seconds=seconds)
    return asyncio.run(asked)


both_ways = pytest.mark.parametrize("way", [ask, ask_async])


@both_ways
def test_what_a_library_prints_spoils_no_reply(made: Path, way: Starter) -> None:
    noise = (
        'print(\'{"type": "Sum", "total": 1}\', flush=True)\n'
        "os.write(1, b'{')\n"
        "os.write(2, b'\\xff\\n')\n"
        "os.system('echo from another program')\n"
    )
    log = write(made, noise + working(noise + "return Sum(total=7)"))
    assert way(log) == Sum(total=7)
    assert log.read_bytes().count(b"from another program") == 2


def test_input_progress_and_reply(made: Path) -> None:
    body = "given = sys.stdin.read()\nstages = Stages(told)\nstages.progress('adding', 0, 9)\n"
    log = write(
        made, working(body + "stages.progress('adding', 9, 9)\nreturn Sum(total=len(given))")
    )
    heard: list[StageProgressed] = []
    reply = process.ask(
        MODULE, kind=Sum, log=log, title=TITLE, given=b"x" * 200_000, tell=heard.append
    )
    assert reply.total == 200_000
    assert [(stage.stage, stage.done) for stage in heard] == [("adding", 0), ("adding", 9)]


async def test_progress_is_heard_where_it_is_awaited(made: Path) -> None:
    body = "Stages(told).progress('adding')\nreturn Sum(total=len(sys.stdin.read()))"
    log = write(made, working(body))
    threads: list[threading.Thread] = []
    reply = await process.ask_async(
        MODULE,
        kind=Sum,
        log=log,
        title=TITLE,
        given=b"x" * 200_000,
        tell=lambda stage: threads.append(threading.current_thread()),
    )
    assert threads == [threading.current_thread()]
    assert reply.total == 200_000


@both_ways
def test_a_refusal_is_one_sentence(made: Path, way: Starter) -> None:
    log = write(made, working("raise UserError('There is\\nno sum.')"))
    with pytest.raises(RefusalError, match=r"^There is no sum\.$"):
        way(log)


@both_ways
@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("raise KeyError('x')", "ended with exit code 1; the last error .* is KeyError: 'x'; its"),
        ("os._exit(7)", "odd process ended with exit code 7; its output is in"),
        ("pass", "odd process ended with exit code 0; its output is in"),
        ("os.kill(os.getpid(), 9)", "was killed .by a person, or by the system when memory ran"),
        ("os.kill(os.getpid(), 15)", "was ended by SIGTERM; its output is in"),
        ('os.write(int(os.environ[\'STPLAY_REPLIES\']), b\'{"type": "Sum", "to\')', "exit code 0"),
        ("os.write(int(os.environ['STPLAY_REPLIES']), b'{}\\n')", "no stplay of this version"),
    ],
)
def test_a_process_without_a_reply_is_told_as_it_ended(
    made: Path, way: Starter, code: str, told: str
) -> None:
    with pytest.raises(UserError, match=told) as raised:
        way(write(made, code))
    assert not isinstance(raised.value, RefusalError)


@both_ways
def test_the_time_is_limited(made: Path, way: Starter) -> None:
    log = write(made, working("time.sleep(600)", outlives=True))
    with pytest.raises(UserError, match=r"odd process took longer than 1 s and was ended; its out"):
        way(log, 1.0)
    assert not living(MODULE)


async def test_a_process_nobody_waits_for_is_ended(made: Path) -> None:
    begun = made / "begun"
    log = write(made, working(f"open({str(begun)!r}, 'w').close()\ntime.sleep(600)", outlives=True))
    asked = asyncio.ensure_future(process.ask_async(MODULE, kind=Sum, log=log, title=TITLE))
    while not begun.exists():
        await asyncio.sleep(0.01)
    (child,) = living(MODULE)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert not child.is_running()


def test_who_waits_is_told_when_it_is_ended(made: Path) -> None:
    asked = Asked(MODULE, log=write(made, working("time.sleep(600)")), title=TITLE)
    told: list[UserError] = []

    def hear() -> None:
        try:
            asked.hear(Sum)
        except UserError as error:
            told.append(error)

    listener = threading.Thread(target=hear)
    listener.start()
    asked.end()
    listener.join()
    assert "was killed" in told[0].sentence


def test_a_process_is_asked_again_and_again(made: Path) -> None:
    code = "told = replies.Replies()\nfor line in sys.stdin: told.write(Sum(total=int(line)))\n"
    with Asked(MODULE, log=write(made, code), title=TITLE) as asked:
        for number in (3, 4):
            asked.say(b"%d\n" % number, last=False)
            assert asked.hear(Sum).total == number
    assert not asked.process.stdin or asked.process.stdin.closed
    with pytest.raises(UserError, match="was killed"):
        asked.hear(Sum)


def test_what_it_starts_itself_holds_no_reply_back(made: Path) -> None:
    """A program that goes on after the process has ended is nobody to wait for."""
    program = made / "program"
    body = f"os.system('sleep 600 & echo $! >\"{program}\"')\nos._exit(3)"
    with pytest.raises(UserError, match="exit code 3"):
        ask(write(made, working(body)), 15.0)
    psutil.Process(int(program.read_text())).kill()


def test_what_cannot_be_started_leaves_nothing_open(made: Path) -> None:
    before = psutil.Process().num_fds()
    with pytest.raises(UserError, match="cannot be started: embedded null byte"):
        Asked(MODULE, "a\0b", log=made / "x.log", title=TITLE)
    assert psutil.Process().num_fds() == before


def test_replies_of_a_process_started_by_hand_are_printed(
    made: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from stplay.engine.worker.replies import reply

    monkeypatch.delenv(process.REPLIES, raising=False)
    assert reply(lambda told: Sum(total=2), outlives=True) == 0
    assert capfd.readouterr().out == '{"type":"Sum","total":2}\n'
