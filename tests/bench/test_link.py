"""What a link to another machine costs, how soon it is seen to be down and catches up again."""

from __future__ import annotations

import signal
import socket
import threading
import time
from contextlib import suppress

import psutil
import pytest
from runsondisk import STARTED, create, worker_of, write
from sshserver import SshServer, send

from stplay.jobs.events import Event, SystemSampled, TrainLogged
from stplay.jobs.follower import Follower
from stplay.remote.hostnames import RemotePlace
from stplay.remote.watching import RemoteSource, remote_source
from stplay.runs.run import Run

SECONDS, EVENTS_A_SECOND = 30, 10
MISSED = 10_000


class CountingProxy:
    """Passes on what goes to a port of the loopback and back, and counts it."""

    def __init__(self, port: int) -> None:
        self.bytes, self._port = 0, port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            near, _ = self._server.accept()
            far = socket.create_connection(("127.0.0.1", self._port))
            for pair in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=pair, daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(1 << 16):
                self.bytes += len(data)
                sink.sendall(data)


def an_event(number: int) -> Event:
    if number % 20 == 0:
        return SystemSampled(cpu_percent=180.0 + number, memory_bytes=(1 << 30) + number)
    return TrainLogged(
        step=number,
        epoch=number / 1000,
        loss=3.0 / (number + 1),
        learning_rate=5e-5 / (number + 1),
        gradient_norm=2.1 / (number + 1),
        samples_per_second=1790.0 + number / 7,
        tokens_per_second=61400.0 + number / 3,
    )


@pytest.fixture
def there(ssh_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    with monkeypatch.context() as patch:
        patch.setenv("STPLAY_HOME", str(ssh_server.home))
        return write(create("going"), worker_of(psutil.Process()), STARTED)


def follow_to_end(follower: Follower, seconds: float = 60.0) -> int:
    """Read until all is read that is there; how many events came."""
    events, deadline = 0, time.monotonic() + seconds
    while not follower.caught_up:
        events += len(follower.advance().events)
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return events


def test_bytes_on_the_link(
    ssh_server: SshServer, there: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    proxy = CountingProxy(ssh_server.port)
    for path in (ssh_server.config, ssh_server.folder / "known_hosts"):
        path.write_text(path.read_text().replace(f"{ssh_server.port}", f"{proxy.port}"))
    run = remote_source(RemotePlace("gpu-box", "going"))
    follower = Follower(run)
    follow_to_end(follower)
    log, before = there.events_path.stat().st_size, proxy.bytes
    for number in range(SECONDS * EVENTS_A_SECOND):
        write(there, an_event(number))
        time.sleep(1 / EVENTS_A_SECOND)
        follower.advance()
    time.sleep(1)
    told, passed = there.events_path.stat().st_size - log, proxy.bytes - before
    run.link.close()
    with capsys.disabled():
        print(
            f"\n{EVENTS_A_SECOND} events/s for {SECONDS} s: {told:,} bytes of log, {passed:,} on "
            f"the link, both ways, with questions and answers: {passed / told:.2f} times"
        )
    assert passed < 1.2 * told


def test_down_and_up_again(
    ssh_server: SshServer, there: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run = remote_source(RemotePlace("gpu-box", "going"))
    follower = Follower(run)
    follow_to_end(follower)
    frozen = [psutil.Process(each.pid) for each in ssh_server.connections()]
    send(signal.SIGSTOP, [*frozen, *ssh_server.clients()])
    begun = time.monotonic()
    await_link(run, "lost")
    seen = time.monotonic() - begun
    ssh_server.stop()
    events = [an_event(number) for number in range(MISSED)]
    write(there, *events)
    follower.advance()
    ssh_server.start()
    up = time.monotonic()
    await_link(run, "connected")
    connected = time.monotonic()
    came = follow_to_end(follower)
    caught_up = time.monotonic()
    run.link.close()
    with capsys.disabled():
        print(
            f"\nfrozen to shown as lost: {seen:.1f} s; the server is back to connected: "
            f"{connected - up:.1f} s; connected to caught up with {came:,} events: "
            f"{caught_up - connected:.2f} s"
        )
    assert came == MISSED


def await_link(run: RemoteSource, kind: str) -> None:
    deadline = time.monotonic() + 60
    while run.link.state.kind != kind:
        assert time.monotonic() < deadline, run.link
        time.sleep(0.005)
