"""Calm painting: rarely what comes by itself, at once what a person does, and nothing stale."""

from __future__ import annotations

import sys
import time

import pytest
from terminal import Terminal

from stplay.screens.shared import calmpainting
from stplay.screens.shared.calmpainting import CalmPainting

COUNTING = """
import sys
from textual.widgets import Input, Static
from stplay.screens.shared.guardedapp import GuardedApp

class Counting(GuardedApp):
    MODES = {}
    count, goes_on = 0, True

    def compose(self):
        yield Static("", id="count")
        yield Static("", id="keys")
        yield Input(id="typed")

    def on_mount(self):
        self.query_one("#typed").focus()
        self.set_interval(0.02, self.tick)

    def tick(self):
        if self.goes_on:
            self.count += 1
            self.query_one("#count").update(f"count {self.count};")

    def on_input_changed(self, event):
        self.query_one("#keys").update(f"typed {event.value};")

    def on_input_submitted(self):
        self.goes_on = False
        self.query_one("#count").update(f"stands at {self.count};")
        self.set_timer(0.2, self.exit_soon)

    def exit_soon(self):
        self.query_one("#keys").update(f"really {self.count};")

app = Counting(calm=True)
app.run()
"""
KNOWS_PICTURES = "\x1b[?2026;2$y"  # a terminal says so: then each begins with the sign below
PICTURE = b"\x1b[?2026h"


def test_one_picture_a_second_and_at_once_after_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(calmpainting.time, "monotonic", lambda: now)
    painting = CalmPainting(calm=True)
    assert painting.seconds_left() == 0
    painting.painted(500)
    now += 0.25
    assert painting.seconds_left() == 0.75
    painting.attend()
    assert painting.seconds_left() == 0
    painting.painted(500)
    now += 1.9
    assert painting.seconds_left() == 0
    painting.painted(500)
    now += 0.5
    assert painting.seconds_left() == 0.5
    now += 0.5
    painting.painted(2500)
    assert painting.seconds_left() == 2.5
    painting.painted(1 << 20)
    assert painting.seconds_left() == 4
    painting.attend()
    painting.painted(1 << 20)
    now += 2.5
    assert painting.seconds_left() == 0, "who pressed a key would wait long for the next picture"
    assert CalmPainting(calm=False).seconds_left() == 0


def test_an_app_of_many_changes_paints_few_and_the_last_of_them() -> None:
    with Terminal(program=(sys.executable, "-c", COUNTING)) as terminal:
        terminal.wait_for("count ")
        terminal.type(KNOWS_PICTURES)
        terminal.wait_for(lambda text: count(text) > 120)  # the beginning is painted at once
        begun, pictures = time.monotonic(), terminal.output.count(PICTURE)
        first = count(terminal.text)
        terminal.wait_for(lambda text: count(text) > first + 200)
        seconds = time.monotonic() - begun
        assert 1 <= terminal.output.count(PICTURE) - pictures <= seconds + 2
        terminal.type("abc")
        terminal.wait_for("typed abc;")
        terminal.type("\r")
        text = terminal.wait_for("really ")
        stands = text.split("stands at ")[1].split(";")[0]
        assert f"really {stands};" in text
        terminal.type("\x11")
        assert terminal.wait_for_end() == 0


def count(text: str) -> int:
    """How far the screen says that it is."""
    return int(text.partition("count ")[2].partition(";")[0] or 0)
