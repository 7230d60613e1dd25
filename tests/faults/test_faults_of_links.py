"""A link that is cut for good, as by a cable: two name spaces of the network, and what joins them.

What is killed, restarted or frozen of a link is tried in tests/remote.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import require_program
from faulttable import Fault, TellFault, compared
from livingprocesses import living
from runsondisk import STARTED, create, worker_of, write
from sshserver import SshServer, send
from terminal import Terminal

from stplay.jobs.events import Noted

ADDRESS = "10.9.9.2"  # in a network that nobody else is in
# Takes the program, its settings, the port, and the file by which the link is cut.
SCRIPT = f"""
set -e
program="$1" settings="$2" port="$3" cut="$4"
shift 4
ip link set lo up
unshare -n sh -c '
    until ip link set there0 up 2>/dev/null; do sleep 0.02; done
    ip address add {ADDRESS}/24 dev there0
    exec "$0" -D -f "$1" -o ClientAliveInterval=1 -o ClientAliveCountMax=1 2>"$1.log"
' "$program" "$settings" &
server=$!
trap 'kill $server' EXIT
trap : INT
space() {{ readlink "/proc/$1/ns/net"; }}
until [ "$(space $server)" != "$(space $$)" ]; do sleep 0.02; done
ip link add here0 type veth peer name there0 netns $server
ip address add 10.9.9.1/24 dev here0
ip link set here0 up
until ssh-keyscan -T 1 -p "$port" {ADDRESS} 2>/dev/null | grep -q .; do sleep 0.05; done
(
    until [ -e "$cut" ]; do sleep 0.02; done
    nsenter --net --target $server ip link set there0 down
) &
code=0
"$@" || code=$?
exit $code
"""


@pytest.fixture
def elsewhere(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshServer]:
    """A machine with a network of its own, whose sshd is to be started there."""
    if os.getuid():
        pytest.skip("only root may make a network with an sshd in it")
    require_program("ip")
    if subprocess.run([require_program("unshare"), "-n", "true"], capture_output=True).returncode:
        pytest.skip("no name space of the network can be made here")
    folder = Path(tempfile.mkdtemp(prefix="ssh-"))  # a short path: sockets have their place in it
    monkeypatch.setenv("TMPDIR", str(folder))
    there = SshServer(folder, ADDRESS)
    monkeypatch.setenv("PATH", there.path)
    yield there
    for process in living(str(folder)):
        send(signal.SIGKILL, [*process.children(recursive=True), process])
    shutil.rmtree(folder)


def test_it_is_cut_for_good(elsewhere: SshServer, tell_fault: TellFault) -> None:
    """All that came before is told once, the loss is, and whoever watches leaves when they want."""
    run = write(create("watched"), worker_of(psutil.Process()), STARTED)
    write(run, *(Noted(level="info", text=f"{number}") for number in range(99)))
    cut = elsewhere.folder / "cut"
    server = [elsewhere.program, str(elsewhere.folder / "sshd_config"), str(elsewhere.port)]
    program = [require_program("unshare"), "-n", "sh", "-c", SCRIPT, "sh", *server, str(cut)]
    command = [sys.executable, "-m", "stplay"]
    with Terminal(
        *command, "watch", f"gpu-box:{run.folder}", "--json", size=(200, 60), program=program
    ) as terminal:
        terminal.wait_for('"text":"98"')
        told = run.events_path.read_bytes().splitlines()
        cut.touch()
        terminal.wait_for("gpu-box  link lost")
        write(run, Noted(level="info", text="missed"))
        terminal.type("\x03")
        assert terminal.wait_for_end() == 130
    printed = [line for line in terminal.output.splitlines() if line.startswith(b"{")]
    tell_fault(Fault("the link cut for good, told, then left", 1, 1, *compared(printed, told)))
