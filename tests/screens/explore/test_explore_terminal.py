"""The Explore screen as a person meets it: typed into, in a real terminal."""

from __future__ import annotations

import asyncio
import re
import shlex
import sys
from pathlib import Path

import psutil
import pytest
from terminal import Terminal

from stplay.encoding import encoders
from stplay.encoding.protocol import Greeting

CTRL_Q, ESCAPE = "\x11", "\x1b"

pytestmark = pytest.mark.usefixtures("warm_home")


def matrix_on(screen: str) -> list[list[float]]:
    """The rows of numbers that stand beside the sentences."""
    found = []
    for line in screen.splitlines():
        cells = re.findall(r"(?<![\d.])-?\d\.\d{3}(?!\d)", line)
        if re.search(r"\d\.\d{3}", line) and "norm" not in line and "dimension" not in line:
            found.append([float(cell) for cell in cells])
    return [row for row in found if len(row) > 1]


def test_what_is_typed_is_read_from_the_matrix() -> None:
    with Terminal("explore", "--model", "builtin:minilm", size=(120, 40)) as terminal:
        rows = [[1.0, 0.742, 0.160], [0.742, 1.0, 0.110], [0.160, 0.110, 1.0]]
        terminal.wait_for(lambda text: matrix_on(text) == rows)
        for key in "\rThe dog has big ears.":
            terminal.type(key)
            terminal.read(0.01)
        terminal.wait_for(lambda text: [row[-2:] for row in matrix_on(text)[3:]] == [[1.0, 1.0]])
        terminal.type(ESCAPE)
        terminal.wait_for("^s Save")
        terminal.type("d")
        terminal.wait_for(" dot ")
        terminal.type("y")
        terminal.wait_for("Copied the matrix as Markdown.")
        assert b"\x1b]52;c;" in terminal.output
        terminal.resize(80, 24)
        terminal.wait_for(lambda text: len(matrix_on(text)) == 4 and "norm" not in text)
        terminal.type(CTRL_Q)
        assert terminal.wait_for_end() == 0


def test_alt_and_a_key_is_no_text_to_the_field_that_has_the_focus() -> None:
    with Terminal("explore", "--model", "builtin:minilm", size=(120, 40)) as terminal:
        terminal.wait_for(lambda text: len(matrix_on(text)) == 3)
        terminal.type(ESCAPE + "Y")
        terminal.wait_for("Copied the matrix as CSV.")
        terminal.type(ESCAPE + "z")  # no key of ours; the next one comes at once
        terminal.type(ESCAPE + "1")
        terminal.wait_for("Base model")
        terminal.type("\t" + ESCAPE + "2")
        terminal.wait_for("Dimensions")
        terminal.type("\t" + ESCAPE + "3")
        terminal.wait_for(lambda text: len(matrix_on(text)) == 3)
        assert re.search("3  The dog has big ears[.] +", terminal.text)
        terminal.type(ESCAPE + "é£")  # Textual takes alt and 3 for £
        terminal.wait_for("3  The dog has big ears.£", seconds=10)


def test_sentences_come_through_a_pipe_and_keys_from_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "sentences.txt"
    path.write_text("a kitten\n\na cat\n", encoding="utf-8")
    command = f"cat {path} | {shlex.quote(sys.executable)} -m stplay explore --model builtin:minilm"
    with Terminal(program=("/bin/sh", "-c", command), size=(120, 40)) as terminal:
        screen = terminal.wait_for(lambda text: len(matrix_on(text)) == 2)
        assert "a kitten" in screen
        terminal.type("cute \x1b")
        terminal.wait_for(lambda text: "1  cute a kitten" in text and "^s Save" in text)
        terminal.type(CTRL_Q)
        assert terminal.wait_for_end() == 0


def test_a_mistake_of_the_command_line_is_one_sentence() -> None:
    with Terminal("explore", "--model", "./nowhere") as terminal:
        assert terminal.wait_for_end() == 2
        assert "stplay: There is no model folder ./nowhere." in terminal.text
    with Terminal("explore", "./nowhere.txt") as terminal:
        assert terminal.wait_for_end() == 2
        assert "./nowhere.txt cannot be read" in terminal.text


def warm_encoders(terminal: Terminal) -> list[Greeting]:
    """The encoding processes that are there, while the app goes on."""
    terminal.read()
    return asyncio.run(encoders.warm())


def test_an_encoder_starts_with_the_app_and_ends_with_it_where_nobody_used_it(home: Path) -> None:
    with Terminal(size=(120, 40)) as terminal:
        terminal.wait_for(lambda text: bool(warm_encoders(terminal)))
        assert "Base model" in terminal.text
        (greeting,) = warm_encoders(terminal)
        assert greeting.model == "builtin:minilm"
        process = psutil.Process(greeting.pid)
        terminal.type(CTRL_Q)  # while it is being loaded
        assert terminal.wait_for_end() == 0
    process.wait(10)
    assert asyncio.run(encoders.warm()) == []


def test_an_encoder_that_was_used_stays_for_a_while(home: Path) -> None:
    with Terminal(size=(120, 40)) as terminal:
        terminal.wait_for(lambda text: bool(warm_encoders(terminal)))
        (greeting,) = warm_encoders(terminal)
        terminal.type("3")
        terminal.wait_for(lambda text: len(matrix_on(text)) == 3)
        terminal.type(CTRL_Q)
        assert terminal.wait_for_end() == 0
    (left,) = asyncio.run(encoders.stop_all())
    assert left.pid == greeting.pid
