"""How the link stands, in words."""

from __future__ import annotations

import pytest

from stplay.remote.linkstate import LinkState, last_words, link_words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (LinkState("connecting", 90.0), "connecting"),
        (LinkState("connected", 90.0), "connected"),
        (LinkState("connected", 90.0, delay=0.0123), "connected, 12 ms"),
        (LinkState("connected", 90.0, delay=0.0001), "connected, 1 ms"),
        (LinkState("connected", 90.0, delay=2.34), "connected, 2.3 s"),
        (LinkState("lost", 92.0, next_try=104.0), "link lost 8 s ago, next try in 4 s"),
        (LinkState("lost", 92.0, next_try=99.0), "link lost 8 s ago, trying again"),
        (
            LinkState("refused", 10.0, next_try=130.0, words="Permission denied"),
            "not let in without an answer; open it again to be asked, next try in 30 s"
            " (Permission denied)",
        ),
    ],
)
def test_words_of_a_link(state: LinkState, words: str) -> None:
    assert link_words(state, 100.0) == words


def test_the_last_words_of_ssh_are_safe() -> None:
    assert last_words("first\r\nlast\x1b[31m\u202e\r\n\n") == "last\ufffd[31m\ufffd"
    assert last_words("") == ""
    assert len(last_words("x" * 999)) == 160
