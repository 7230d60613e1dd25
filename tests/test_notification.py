"""The codes that ring the bell and notify the desktop."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from stplay.notification import codes
from stplay.text import printable

XTERM = {"TERM": "xterm-256color"}


def test_a_bell_and_both_codes_for_a_notification() -> None:
    assert codes("sample-7 finished", XTERM) == (
        "\a\x1b]9;stplay: sample-7 finished\a\x1b]777;notify;stplay;sample-7 finished\a"
    )


def test_tmux_is_asked_to_hand_them_on() -> None:
    assert codes("done", XTERM | {"TMUX": "/tmp/tmux-0/default,1,0"}) == (
        "\a\x1bPtmux;\x1b\x1b]9;stplay: done\a\x1b\\"
        "\x1bPtmux;\x1b\x1b]777;notify;stplay;done\a\x1b\\"
    )


def test_a_terminal_that_knows_no_codes_rings() -> None:
    assert codes("done", {"TERM": "dumb"}) == codes("done", {}) == "\a"


@given(st.text())
def test_nothing_in_the_text_ends_it_or_begins_another_code(text: str) -> None:
    sent = codes(text, XTERM)
    found = re.fullmatch(r"\a\x1b\]9;([^\a\x1b]*)\a\x1b\]777;notify;stplay;([^\a\x1b;]*)\a", sent)
    assert found
    assert found[1] == f"stplay: {found[2]}"
    assert printable(found[2]) == found[2]
