"""What stands for the signs of ours where a terminal has ASCII alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from checkout import ROOT
from rich.cells import cell_len
from terminal import Terminal

from stplay.signs import ERRORS, ascii_sign

MEANT = {"● running": "* running", "✓ 0.85 ±.01": "+ 0.85 ~.01", "┌─┬─┐": "+-+-+", "a…z": "a~z"}
OTHERS = {"é": "?", "猫": "??", "e\u0301": "e", "\udcff": "?", "👩": "??"}


@pytest.mark.parametrize(("text", "instead"), {**MEANT, **OTHERS}.items())
def test_what_is_meant_stays(text: str, instead: str) -> None:
    assert text.encode("ascii", ERRORS).decode() == instead
    assert cell_len(instead) == cell_len(text)


def test_a_terminal_keeps_the_signs_that_its_encoding_has() -> None:
    assert "45 °C ± é ●".encode("latin-1", ERRORS) == b"45 \xb0C \xb1 \xe9 *"


def test_lines_of_braille_are_lines_still() -> None:
    assert "\u2800⠁⠉⣀⣤⡇⣿".encode("ascii", ERRORS) == b" ''..::"


def test_every_sign_that_is_shown_has_one_of_ascii() -> None:
    """Those in the sources, but for what stands for text of others."""
    sources = [*(ROOT / "stplay" / "cli").glob("*.py"), *(ROOT / "screens").rglob("*.py")]
    sources += [*(ROOT / "stplay" / "runs").glob("*.py"), *(ROOT / "stplay" / "jobs").glob("*.py")]
    signs = set(re.findall(r"[^\x00-\x7f]", "".join(map(Path.read_text, sources))))
    lost = {sign for sign in signs if ascii_sign(sign) == "?"} - set("¡")  # of a Mac's keyboard
    assert not lost
    assert {cell_len(ascii_sign(sign)) for sign in signs} == {1}


def test_a_command_in_a_seven_bit_locale_writes_ascii_on_a_terminal(home: Path) -> None:
    with Terminal("machine", "--once", env={"LC_ALL": "POSIX"}) as terminal:
        assert terminal.wait_for_end() == 0
        assert terminal.output.isascii()
        assert "----" in terminal.text  # the bar of the memory
