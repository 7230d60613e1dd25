"""Where it is listened, and what has to be said for others to reach it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stplay.cli import servecommand
from stplay.cli.main import parser
from stplay.errors import UserError
from stplay.web.listening import Listening


@pytest.mark.parametrize("address", [None, "127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_this_machine_alone_needs_no_words(address: str | None) -> None:
    listening = Listening.at(address, 8000)
    assert listening.warning is None
    assert not listening.access().any_address
    assert "127.0.0.1" in listening.access().names
    assert listening.url(8000).startswith("http://")


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.7", "gpu-box"])
def test_another_address_needs_tls_or_the_words(address: str) -> None:
    with pytest.raises(UserError, match=r"--certificate, --key.*--without-tls"):
        Listening.at(address, 8000)
    listening = Listening.at(address, 8000, without_tls=True)
    assert listening.warning
    assert "not encrypted" in listening.warning
    assert listening.access().any_address is (address in ("0.0.0.0", "::"))
    assert "::/" not in listening.url(8000)


def test_addresses_of_six_have_brackets() -> None:
    assert Listening.at("::1", 8000).url(81) == "http://[::1]:81/"


def test_each_token_is_another_and_is_not_printed() -> None:
    one, other = (Listening.at(None, 8000).access() for _ in range(2))
    assert one.token != other.token
    assert len(one.token) == 43
    assert one.token not in repr(one)


def test_without_textual_serve_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("stplay.web.", "textual_serve"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    with pytest.raises(UserError, match=r"pip install 'stplay\[web\]'"):
        servecommand.serve(parser().parse_args(["serve"]))


def test_certificates_that_are_none_are_told(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("none")
    for certificate, key, without_tls, said in (
        (None, str(wrong), False, "--key belongs to a certificate"),
        (str(wrong), None, True, "contradict"),
        (str(wrong), None, False, "is no certificate"),
        (str(tmp_path / "missing"), None, False, "cannot be read: No such file"),
        (str(tmp_path), None, False, "cannot be read"),
        ("\0", None, False, "cannot be read"),
    ):
        with pytest.raises(UserError, match=said):
            Listening.at(None, 8000, certificate, key, without_tls=without_tls)
