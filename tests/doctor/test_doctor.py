"""``stplay doctor``: what is amiss is found, with what to do, and nothing of it is secret."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import Command
from machines import GPUS, card, machine
from piloting import until
from samplerun import finished_run
from terminal import Terminal
from textual.widgets import Static

from stplay import home as places
from stplay.doctor import diskcheck, hubcheck, installation, sshcheck, terminalcheck
from stplay.doctor.finding import SOMEBODY, Finding, impersonal
from stplay.doctor.terminalcheck import WIDTHS, TerminalFacts
from stplay.doctor.terminalquery import TerminalAnswers
from stplay.screens.app import StplayApp
from stplay.screens.shared.doctordialog import DoctorDialog

TOKEN = "hf_thisIsASecretTokenOfSomebody"
SECRETS = {
    **{"HF_TOKEN": TOKEN, "SSH_CONNECTION": "203.0.113.9 50022 198.51.100.7 22"},
    **{"SSH_TTY": "/dev/pts/77", "SSH_CLIENT": "203.0.113.9 50022 22"},
}
FORBIDDEN = (TOKEN, "203.0.113.9", "198.51.100.7", "/dev/pts/77", "secret-host")
SECTIONS = ["machine", "disk", "terminal", "ssh", "stplay", "Hub", "torch"]


class Hub(http.server.BaseHTTPRequestHandler):
    """Answers, and keeps what it was told of whoever asks."""

    heard: list[str]

    def do_HEAD(self) -> None:
        self.heard.append(str(self.headers))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def hub() -> Iterator[tuple[str, list[str]]]:
    """The address of a Hub, and the requests that came to it."""
    Hub.heard = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", Hub.heard
    server.shutdown()


def by_name(findings: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    return {f"{each['section']}, {each['name']}": each for each in findings}


@pytest.mark.torch
def test_problems_are_told_with_what_to_do_and_without_secrets(
    stplay: Command, home: Path, hub: tuple[str, list[str]]
) -> None:
    """Of a machine whose GPU torch cannot use, with broken settings and a run that is none."""
    address, heard = hub
    places.settings_file().parent.mkdir(parents=True)
    places.settings_file().write_text("notify = 7\n")
    finished_run()
    broken = places.runs_folder() / "broken"
    broken.mkdir()
    os.utime(broken, (0, 0))
    env = {GPUS: machine(card("a", 70)), "HF_ENDPOINT": address, "HF_HUB_OFFLINE": "", **SECRETS}
    del env["SSH_TTY"]
    told = stplay("doctor", "--json", env=env | {"CUDA_VISIBLE_DEVICES": "0"})
    assert (told.returncode, told.stderr) == (1, "")
    found = json.loads(told.stdout)
    assert found["usable"] is False
    assert [*dict.fromkeys(each["section"] for each in found["findings"])] == SECTIONS
    named = by_name(found["findings"])
    problems = {name for name, each in named.items() if each["kind"] == "problem"}
    assert problems >= {"stplay, settings", "stplay, broken runs", "torch, GPU"}
    assert all(named[name]["advice"] for name in problems)
    assert "built for CPUs alone" in named["torch, GPU"]["text"]
    assert named["torch, GPU"]["advice"].startswith("install one that is built for CUDA")
    assert "580.65.06" in named["machine, driver"]["text"]
    assert "H100" in named["machine, GPU 0"]["text"]
    assert named["stplay, runs"]["text"] == "1 completed"
    assert "broken" in named["stplay, broken runs"]["text"]
    assert named["Hub, reachable"]["kind"] == "ok"
    assert named["Hub, token"]["text"] == "there is one"
    assert named["ssh, inside SSH"]["text"] == "yes"
    assert len(heard) == 1
    for text in (told.stdout, *heard):
        assert [each for each in FORBIDDEN if each in text] == []
    assert str(Path.home()) + "/" not in told.stdout


@pytest.mark.torch
def test_on_a_terminal_that_answers_the_signs_are_measured(home: Path) -> None:
    """It is asked before anything is printed, and nothing of that stays."""
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": ""}
    with Terminal("doctor", size=(100, 70), env=nowhere | {"SSH_TTY": "x"}) as terminal:
        terminal.screen.write_process_input = lambda data: terminal.type(
            data
        )  # pyte answers as terminals do
        assert terminal.wait_for_end() == 0, terminal.text
        lines = terminal.text.splitlines()
    assert lines[0] == "machine"
    shown = {" ".join(line.split()) for line in lines}
    assert "✓ ok signs UTF-8, and as wide as they should be" in shown
    assert "✓ ok kind TERM=xterm-256color" in shown
    assert "✓ ok size 100x70" in shown
    assert any(line.startswith("✓ ok painting calm, as it goes through SSH") for line in shown)
    reachable = next(line for line in lines if " reachable " in line)
    assert reachable.startswith("○ note")
    assert "the server that HF_ENDPOINT names does not answer" in reachable
    assert "No problem was found." in shown
    assert any(line.startswith("✓ ok torch ") for line in shown)


def test_the_terminal_is_judged_by_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "TMUX", "NO_COLOR", "TERM_PROGRAM", "SSH_TTY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    wide = TerminalAnswers({**WIDTHS, "●": 2}, tells_clipboard=True)
    facts = TerminalFacts(60, 24, "standard", "utf-8", calm=False, was_asked=True, answers=wide)
    found = {each.name: each for each in terminalcheck.findings(facts)}
    kinds = {name: each.kind for name, each in found.items()}
    assert kinds == {
        **{"kind": "ok", "colours": "note", "size": "note", "signs": "problem"},
        **{"clipboard": "ok", "painting": "ok"},
    }
    assert "● takes 2 cells" in found["signs"].text
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("NO_COLOR", "1")
    found = {each.name: each for each in terminalcheck.findings(facts)}
    assert found["kind"].kind == "problem"
    assert "ASCII" in found["signs"].text
    assert found["colours"].kind == "ok"
    assert [each.kind for each in terminalcheck.findings(None)] == ["note"]


def test_a_full_or_closed_disk_is_a_problem(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(home / "hub"))
    assert {each.kind for each in diskcheck.findings()} <= {"ok", "note"}
    monkeypatch.setattr(diskcheck, "LEAST_ROOM", 1 << 60)
    monkeypatch.setattr(diskcheck, "LITTLE_ROOM", 1 << 60)
    full = [*diskcheck.findings()]
    assert {each.kind for each in full} == {"problem"}
    assert all(each.advice for each in full)
    monkeypatch.setenv("STPLAY_HOME", f"{os.devnull}/none")
    closed = [*diskcheck.findings()][:2]
    assert {each.kind for each in closed} == {"problem"}
    assert "cannot be written" in closed[0].text
    gone = {each.name: each.kind for each in installation.findings()}
    assert gone["home"] == "problem"


def test_nobody_is_told_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    user = psutil.Process().username()
    monkeypatch.setenv("HOME", f"/home/{user}")
    assert impersonal(f"/home/{user}/x") == "~/x"
    assert impersonal(f"in /home/{user}: none") == "in ~: none"
    assert impersonal(f"/home/{user}-2/x") == f"/home/{user}-2/x"
    assert impersonal(f"/data/{user}/runs, {user}") == f"/data/{SOMEBODY}/runs, {user}"


def test_what_is_not_there_is_no_mistake(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither programs nor a network, nor runs."""
    monkeypatch.setenv("PATH", "/there/is/none")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/there/is/none")
    found = [*sshcheck.findings(), *hubcheck.findings(hubcheck.begin()), *installation.findings()]
    assert "problem" not in {each.kind for each in found}
    told = {f"{each.section}, {each.name}": each.text for each in found}
    assert told["ssh, client"] == "there is no ssh that answers"
    assert told["ssh, agent"] == "is named, and does not answer"
    assert told["Hub, reachable"].startswith("not asked: HF_HUB_OFFLINE is set")
    assert told["stplay, runs"] == "none yet"


@pytest.mark.torch
async def test_the_palette_shows_it_in_the_app(home: Path) -> None:
    app = StplayApp(calm=True)
    async with app.run_test(size=(120, 40)) as pilot:
        commands = {each.title: each for each in app.get_system_commands(app.screen)}
        commands["Doctor"].callback()
        await until(lambda: isinstance(app.screen, DoctorDialog))

        def shown() -> str:
            return "\n".join(str(line.render()) for line in app.screen.query(Static))

        await until(lambda: "Esc goes back" in shown())
        assert "calm" in shown()
        sections = [str(line.render()) for line in app.screen.query(".section").results(Static)]
        assert sections == SECTIONS
        assert "computes on CPU" in shown()
        await pilot.press("escape")
        await until(lambda: not isinstance(app.screen, DoctorDialog))


def test_every_kind_has_a_sign() -> None:
    assert Finding("a", "b", "problem", "c", "d").state == "✗ problem"
