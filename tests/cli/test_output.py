"""What others wrote never steers a terminal; what programs read stays as it is."""

from __future__ import annotations

import ast
import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import hostile
import pytest
from checkout import ROOT
from hostile import COMMANDS, FLOOD, MARK, OSC, TEXT
from terminal import Terminal

from stplay.text import printable_lines

PROGRAM = (sys.executable, hostile.__file__)
UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u202e]|\u0301{9}")
# What tells a desktop that a run is over: the words in it are looked at as all others are.
NOTIFIED = re.compile(r"\x07\x1b\]9;([^\x07\x1b]*)\x07\x1b\]777;([^\x07\x1b]*)\x07")
# Colours, erased lines, the cursor, and the questions where it is and what the terminal can.
OURS = re.compile(r"\x1b\[[0-9;]*[mKA]|\x1b\[\?25[lh]|\x1b\[6n|\x1b\[c")


def outputs(text: str) -> dict[tuple[str, ...], str]:
    """What each command printed."""
    parts = re.split(rf"{MARK} (\d+)\r?\n", text)[1:]
    numbers, printed = map(int, parts[::2]), parts[1::2]
    found: dict[int, str] = dict.fromkeys(range(len(COMMANDS)), "")
    for number, part in zip(numbers, printed, strict=True):
        found[number] += part
    return {COMMANDS[number]: part for number, part in found.items()}


@pytest.fixture(scope="module")
def shown() -> dict[tuple[str, ...], str]:
    """What a terminal is sent by each command, both outputs together."""
    with Terminal(program=PROGRAM, size=(100, 40)) as terminal:
        while terminal.read(1.0):
            pass
        return outputs(terminal.output.decode(errors="surrogateescape"))


@pytest.fixture(scope="module")
def piped() -> dict[tuple[str, ...], tuple[str, str]]:
    """What a pipe is sent by each command: its output, and what stands beside it."""
    done = subprocess.run(PROGRAM, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
    out, beside = (
        outputs(text.decode(errors="surrogateescape")) for text in (done.stdout, done.stderr)
    )
    return {command: (out[command], beside[command]) for command in COMMANDS}


def assert_safe(text: str) -> None:
    text = OURS.sub("", NOTIFIED.sub(r"\1\2", text)).replace("\r\n", "\n").replace("\r", "")
    assert printable_lines(text) == text
    assert not UNSAFE.search(text)


def test_every_command_is_tried():
    assert {command[0] for command in COMMANDS} >= hostile.commands_there()


@pytest.mark.parametrize("number", range(len(COMMANDS)))
def test_nothing_steers_the_terminal(
    shown: dict[tuple[str, ...], str],
    piped: dict[tuple[str, ...], tuple[str, str]],
    number: int,
):
    command = COMMANDS[number]
    assert "Traceback" not in shown[command]
    assert_safe(shown[command])
    assert_safe(piped[command][1])  # it may be a terminal while the output goes to a pipe
    hostile_is_told = {"detached", "--clear", "machine"}.isdisjoint(command)
    hostile_is_told &= command != ("runs",)
    if hostile_is_told and command[:2] != ("sim", TEXT) and command != ("runs", "--json"):
        assert "evil" in shown[command]


JSON = [
    ("evaluations", "--json"),
    ("evaluations", f"found {TEXT}", "--json"),
    ("wrong", f"found {TEXT}"),
    ("plan", "sample", "--json"),
]


def values(text: str) -> list[object]:
    lines = OURS.sub("\n", text).replace("\r", "").split("\n")
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize("command", JSON, ids=range(len(JSON)))
def test_json_on_a_terminal_decodes_to_the_same(
    shown: dict[tuple[str, ...], str],
    piped: dict[tuple[str, ...], tuple[str, str]],
    command: tuple[str, ...],
):
    found = values(piped[command][0])
    assert TEXT in str(found) or repr(TEXT)[1:-1] in str(found)
    assert values(shown[command]) == found


def test_a_pipe_gets_bytes_as_they_are(piped: dict[tuple[str, ...], tuple[str, str]]):
    found = piped["wrong", f"found {TEXT}", "--format", "csv"][0]
    _, *rows = csv.reader(io.StringIO(found, newline=""))
    assert [row[4] for row in rows] == [TEXT, f"a\r\nb, {TEXT}"]
    assert FLOOD in piped["wrong", f"found {TEXT}"][0]
    told = piped["train", "sample", "--name", "events", "--json"][0]
    assert told.count("\n") == 9
    assert f"\n{OSC}\n" in told, "a line that is damaged is not as it was"


def test_a_terminal_without_the_signs_gets_json_all_the_same(
    piped: dict[tuple[str, ...], tuple[str, str]],
):
    ascii_only = {"PYTHONIOENCODING": "ascii"}
    with Terminal(program=PROGRAM, size=(100, 40), env=ascii_only) as terminal:
        while terminal.read(1.0):
            pass
        text = terminal.output.decode("ascii")
    for command in JSON:
        assert values(outputs(text)[command]) == values(piped[command][0])


FULL = "stplay: The output cannot be written: No space left on device.\n"


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("runs >&-", 0, ""),
        ("runs --json >&-", 0, ""),
        ("runs 2>&-", 0, ""),
        ("stop none 2>&-", 2, ""),
        ("stop none 2>/dev/full", 2, ""),
        ("runs >/dev/full", 2, FULL),
    ],
)
def test_an_output_that_is_closed_or_full(home: Path, command: str, code: int, told: str):
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    done = subprocess.run(
        ["sh", "-c", f'"$0" -m stplay {command}', sys.executable],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (code, told)


def test_a_run_whose_folder_is_no_text_is_listed(home: Path, monkeypatch: pytest.MonkeyPatch):
    place = os.fsdecode(os.fsencode(home) + b"/\xff")
    monkeypatch.setenv("STPLAY_HOME", place)
    folder = Path(place) / "data" / "runs" / "mine"
    folder.mkdir(parents=True)
    (folder / "events.jsonl").touch()
    command = [sys.executable, "-m", "stplay", "runs", "--json"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["folder"] == str(folder)


# The guard: there is no second way to print.

PRINTERS = {"output.py", "console.py"}


def sources() -> list[Path]:
    ours = [*(ROOT / "stplay").rglob("*.py"), *(ROOT / "screens").rglob("*.py")]
    ours = [path for path in ours if path.name not in PRINTERS and path.name != "__init__.py"]
    engine = ROOT / "stplay" / "engine"  # what its processes print is their protocol, or their log
    return sorted(path for path in ours if engine not in path.parents)


@pytest.mark.parametrize("path", sources(), ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_nobody_else_prints(path: Path):
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Call(func=ast.Name("print")):
                found = "print"
            case ast.Attribute(attr="stdout" | "stderr" | "__stdout__" | "__stderr__", value=value):
                if not (isinstance(value, ast.Name) and value.id == "sys"):
                    continue  # a child's
                found = "the standard output"
            case ast.Attribute(attr="ArgumentParser", value=ast.Name("argparse")):
                continue  # as a type
            case ast.Call(func=ast.Attribute(attr="ArgumentParser")):
                found = "a parser that repeats what was typed"
            case ast.ImportFrom(module="rich.console", names=names):
                if "Console" not in {name.name for name in names}:
                    continue
                found = "a console that passes on all codes"
            case ast.ImportFrom(module="rich" | "sys", names=names):
                if {"print", "stdout", "stderr"}.isdisjoint(name.name for name in names):
                    continue
                found = "an output by another name"
            case _:
                continue
        pytest.fail(f"{path.name}:{node.lineno} has {found}; print by stplay/cli/output.py")
