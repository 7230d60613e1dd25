"""``stplay machine``: once, as an object, and live in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Command
from machines import GPUS, busy, machine
from terminal import Terminal

TWO = {GPUS: machine(busy("a"), busy("b", use=3, reasons=0x44))}


def test_in_a_pipe_it_is_told_once(stplay: Command) -> None:
    told = stplay("machine", env=TWO)
    assert (told.returncode, told.stderr) == (0, "")
    lines = told.stdout.splitlines()
    assert lines[0] == "GPU 0  NVIDIA H100 80GB HBM3"
    assert lines[1].split() == ["use", "97", "%", "━" * 19 + "─"]
    assert "  slowed by   its power limit, heat" in lines
    heads = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert len(heads) == 3
    assert not any(line != line.rstrip() for line in lines)
    labels = {line.split("  ")[1] for line in lines if line.startswith("  ")}
    assert {"use", "power", "temperature", "processors", "disk left"} <= labels


def test_without_gpus_none_are_told(stplay: Command) -> None:
    told = stplay("machine", "--once")
    assert "GPU" not in told.stdout
    assert " processors" in told.stdout.splitlines()[0]


def test_as_an_object(stplay: Command) -> None:
    told = json.loads(stplay("machine", "--json", env=TWO).stdout)
    assert {*told} == {"host", "machine", "load"}
    first, second = told["machine"]["gpus"]
    assert first == {"gpu": "0", "name": "NVIDIA H100 80GB HBM3", "memory": 80 << 30} | {
        "power_limit": 700
    }
    assert second["gpu"] == "1"
    assert told["load"]["gpus"][1]["slowed"] == ["its power limit", "heat"]
    assert told["load"]["memory_used"] < told["machine"]["memory"]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
def test_in_a_terminal_it_is_live_until_it_is_ended(home: Path, size: tuple[int, int]) -> None:
    with Terminal("machine", size=size, env=TWO) as terminal:
        shown = terminal.wait_for("GPU 1 ")
        assert max(map(len, shown.splitlines())) <= size[0]
        terminal.type("\x03")
        assert terminal.wait_for_end() == 0
        assert "Traceback" not in terminal.text
