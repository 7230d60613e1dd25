"""Alt and a key: what Textual makes of it by itself, and what with us."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata

from checkout import ROOT
from piloting import settle
from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import Input

from stplay.screens.shared import keyboard

READ = """
import json, sys
from textual._xterm_parser import XTermParser
from stplay.screens.shared import keyboard
if sys.argv[1] == "with us":
    keyboard.tell_alt()
print(json.dumps([[event.key, event.character] for event in XTermParser().feed(sys.argv[2])]))
"""
HOW = (
    "Textual {installed} is newer than the last one that screens/shared/keyboard.py and "
    "guardedapp.py, which use parts of it that are not public, were tried with. Run the tests of "
    "tests/screens with it; where they pass, raise the cap on textual in pyproject.toml to it and "
    "the version that DECISIONS.md names."
)


def numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)[:3]))


def read(sent: str, patch: str) -> list[list[str | None]]:
    """The keys that Textual reads at once, in a process whose tables nobody else has changed."""
    command = [sys.executable, "-c", READ, patch, sent]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return json.loads(done.stdout)


def test_no_textual_is_newer_than_the_one_that_was_tried() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    cap = re.search(r'"textual>=[\d.]+,<=([\d.]+)"', project)
    assert cap is not None, "textual needs a cap: we use parts of it that are not public"
    installed = metadata.version("textual")
    assert numbers(installed) <= numbers(cap[1]), HOW.format(installed=installed)


def test_alt_and_a_key_is_read_at_once() -> None:
    assert read("\x1b2", "with us") == [["alt+2", None]]
    assert read("\x1ba\x1bA", "with us") == [["alt+a", None], ["alt+shift+a", None]]


def test_the_patch_is_needed_still() -> None:
    not_alt, nothing_yet = read("\x1b2", "alone"), read("\x1ba", "alone")
    needed = (not_alt, nothing_yet) == ([["trade_mark_sign", "™"]], [])
    assert needed, "Textual reads alt and a key by itself: take tell_alt() away"


async def test_alt_and_a_key_is_no_text() -> None:
    class Line(App[None]):
        def compose(self) -> ComposeResult:
            yield Input()

    async with Line().run_test() as pilot:
        field = pilot.app.query_one(Input)
        field.post_message(Key("alt+a", "a"))
        await settle(pilot)
        assert field.value == "a", "Textual takes no text from alt: take take_text_off() away"
        event = Key("alt+b", "b")
        keyboard.take_text_off(event)
        field.post_message(event)
        await settle(pilot)
        assert field.value == "a"
