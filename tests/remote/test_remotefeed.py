"""A log on another machine, byte for byte, while clients, servers and links fail: a real sshd."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from faulttable import Fault, TellFault, compared
from sshserver import SshServer, send

from stplay.jobs.eventlog import event_line
from stplay.jobs.events import Noted, Replaced
from stplay.remote import conversation
from stplay.remote.remotefeed import RemoteFeed
from stplay.remote.remotelog import RemoteLog
from stplay.remote.sshhost import SshHost

PATIENCE = 120.0


@pytest.fixture(autouse=True)
def asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds by itself takes parts of one."""
    monkeypatch.setattr(conversation, "ASKED_EVERY_SECONDS", 0.2)
    monkeypatch.setattr(conversation, "SILENCE_SECONDS", 2.0)


@contextmanager
def followed(path: Path, stplay: str = "") -> Iterator[RemoteFeed]:
    feed = RemoteFeed(SshHost("gpu-box"), str(path), stplay, str(path.parent))
    try:
        yield feed
    finally:
        feed.close()
        feed._thread.join(PATIENCE)


def read_until(feed: RemoteFeed, fulfilled: Callable[[bytes], bool]) -> bytes:
    """All that comes until that is enough."""
    read, deadline = b"", time.monotonic() + PATIENCE
    while not fulfilled(read):
        piece = feed.take(1 << 16)
        assert piece is not None, "it is the same file"
        read += piece
        assert time.monotonic() < deadline, (feed.state, feed.answer, read[-200:])
        time.sleep(0.005)
    return read


def await_state(feed: RemoteFeed, fulfilled: Callable[[RemoteFeed], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not fulfilled(feed):
        assert time.monotonic() < deadline, (feed.state, feed.answer)
        time.sleep(0.005)


class Writer:
    """Appends numbered lines, some of them in two halves, until it is told to end."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write)
        path.touch()

    def _write(self) -> None:
        whims, number = random.Random(1), 0
        with self.path.open("ab", buffering=0) as file:
            while not self._ended.wait(0.002):
                number += 1
                line = b"%d %s\n" % (number, b"x" * whims.randrange(300))
                cut = whims.randrange(len(line))
                file.write(line[:cut])
                file.write(line[cut:])

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()


def kill_a_client(server: SshServer) -> None:
    send(signal.SIGKILL, server.clients()[:1])


def kill_all_clients(server: SshServer) -> None:
    send(signal.SIGKILL, server.clients())


def cut_connections(server: SshServer) -> None:
    send(signal.SIGKILL, server.connections())


def restart(server: SshServer) -> None:
    server.stop()
    server.start()


FAULTS = (kill_a_client, kill_all_clients, cut_connections, restart)


def test_no_byte_is_lost_or_doubled_whatever_is_killed(
    ssh_server: SshServer, tell_fault: TellFault
) -> None:
    path = ssh_server.folder / 'it\'s a\nlog; $(touch x) "of" ours'
    whims = random.Random(7)
    with followed(path) as feed:
        read = b""
        with Writer(path):
            for fault in (*FAULTS, *FAULTS):
                enough = whims.randrange(1, 4000)
                read += read_until(feed, lambda more, enough=enough: len(more) > enough)
                fault(ssh_server)
        whole = path.read_bytes()
        read += read_until(feed, lambda more: len(read) + len(more) >= len(whole))
    apart = compared(read.splitlines(), whole.splitlines())
    for name, times in (
        ("kill -9 of the ssh client", 4),
        ("kill -9 of the connection's sshd", 2),
        ("sshd restarted", 2),
    ):
        tell_fault(Fault(name, times, times, *apart))
    assert read == whole, "what came in pieces is not what stands there"
    with followed(path) as afresh:
        assert read_until(afresh, lambda more: len(more) >= len(whole)) == whole


def test_what_is_written_while_the_link_is_down_comes_once(
    ssh_server: SshServer, tell_fault: TellFault
) -> None:
    path = ssh_server.folder / "events.jsonl"
    path.write_bytes(b"first\nto")
    with followed(path) as feed:
        read = read_until(feed, lambda more: more.endswith(b"to"))
        ssh_server.stop()
        await_state(feed, lambda feed: feed.state.kind == "lost")
        assert feed.is_behind
        with path.open("ab") as file:
            file.write(b"rn\n" + b"missed\n" * 10_000)
        await_state(feed, lambda feed: feed.state.words != "")
        assert "refused" in feed.state.words or "closed" in feed.state.words
        ssh_server.start()
        wanted = path.read_bytes()
        read += read_until(feed, lambda more: len(more) >= len(wanted) - len(read))
        apart = compared(read.splitlines(), wanted.splitlines())
        tell_fault(Fault("sshd down while 10,000 lines are written", 1, 1, *apart))
        await_state(feed, lambda feed: not feed.is_behind)
        await_state(feed, lambda feed: feed.state.delay is not None)


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_frozen_link_is_seen_and_left(
    ssh_server: SshServer, who: str, tell_fault: TellFault
) -> None:
    path = ssh_server.folder / "events.jsonl"
    with followed(path) as feed:
        with Writer(path):
            read = read_until(feed, lambda more: len(more) > 1000)
            processes = ssh_server.clients() if who == "client" else ssh_server.connections()
            send(signal.SIGSTOP, processes)
            frozen = time.monotonic()
            await_state(feed, lambda feed: feed.state.kind == "lost")
            assert feed.state.since - frozen < conversation.SILENCE_SECONDS
            more = len(read) + 1000
            read += read_until(feed, lambda new: len(read) + len(new) > more)
            send(signal.SIGCONT, processes)
            read += read_until(feed, lambda new: len(new) > 20_000)
        whole = path.read_bytes()
        read += read_until(feed, lambda new: len(read) + len(new) >= len(whole))
    side = {"client": "the ssh client", "server": "the connection's sshd"}[who]
    apart = compared(read.splitlines(), whole.splitlines())
    tell_fault(Fault(f"{side} frozen (SIGSTOP), left for a new link, let go", 1, 1, *apart))
    assert read == whole


def test_another_log_in_its_place_is_told_and_read_from_its_start(
    ssh_server: SshServer, tell_fault: TellFault
) -> None:
    path = ssh_server.folder / "events.jsonl"
    first, second = (b"".join([event_line(Noted(level="info", text=t))] * 9) for t in ("a", "b"))
    path.write_bytes(first)
    with followed(path) as feed:
        log = RemoteLog(feed)

        def next_events() -> list[object]:
            deadline = time.monotonic() + PATIENCE
            while not (events := log.read()):
                assert time.monotonic() < deadline, (feed.state, feed.answer)
                time.sleep(0.01)
            return [*events]

        def told_of(texts: str) -> None:
            told: list[str] = []
            while len(told) < len(texts):
                told += [event.text for event in next_events() if isinstance(event, Noted)]
            assert "".join(told) == texts

        told_of("a" * 9)
        for way in ("renamed", "cut", "gone", "while it was down"):
            if way == "renamed":
                path.with_suffix(".new").write_bytes(second)
                path.with_suffix(".new").replace(path)
            elif way == "cut":
                path.write_bytes(second[: len(second) // 9])
            elif way == "gone":
                path.unlink()
                await_state(feed, lambda feed: feed.answer is not None and feed.answer.size is None)
                path.write_bytes(first)
            else:
                ssh_server.stop()
                path.write_bytes(second * 2)  # as long and longer: only its bytes tell
                ssh_server.start()
            events = next_events()
            while not isinstance(events[0], Replaced):  # of a cut log tail may tell first
                events = next_events()
            texts = {"cut": "b", "gone": "a" * 9, "while it was down": "b" * 18}
            told_of(texts.get(way, "b" * 9))
    tell_fault(Fault("a log on another machine replaced, cut, made anew", 4, 4, 0, 0))


def test_the_other_stplay_tells_the_log_and_tail_does_where_it_cannot(
    ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = ssh_server.folder / "a run" / "events.jsonl"
    path.parent.mkdir()
    path.write_bytes(b'{"type": "Newer"}\n' * 3)
    program = ssh_server.install_stplay()
    with followed(path, str(program)) as feed:
        read_until(feed, lambda more: more == path.read_bytes())
        commands = [word for each in ssh_server.connections() for word in each.cmdline()]
        assert "events" in commands
        assert "tail" not in commands
    monkeypatch.setattr(conversation, "STALL_SECONDS", 0.5)
    program.write_text("#!/bin/sh\nexit 2\n")  # a release without that command
    with followed(path, str(program)) as feed:
        read_until(feed, lambda more: more == path.read_bytes())
        assert feed.stplay == ""


def test_nothing_is_left_over_there(ssh_server: SshServer) -> None:
    path = ssh_server.folder / "events.jsonl"
    path.write_bytes(b"it\n")
    with followed(path) as feed:
        read_until(feed, lambda more: more == b"it\n")
        there = {each for each in ssh_server.connections() if each.name() in ("sh", "tail")}
        assert {each.name() for each in there} == {"sh", "tail"}
    _, alive = psutil.wait_procs(there, PATIENCE)
    assert not alive


def test_whoever_is_not_let_in_is_told_so(ssh_server: SshServer) -> None:
    (ssh_server.folder / "authorized_keys").write_text("")
    with followed(ssh_server.folder / "events.jsonl") as feed:
        await_state(feed, lambda feed: feed.state.kind == "refused")
        assert "Permission denied" in feed.state.words
        assert feed.state.next_try is not None
        assert feed.state.next_try - time.monotonic() > 20, "a server counts these"
    assert os.environ["TMPDIR"] == str(ssh_server.folder)
