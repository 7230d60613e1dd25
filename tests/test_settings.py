"""The user's settings: absent, told, and damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from platformdirs import PlatformDirs

from stplay import home as folders
from stplay import settings
from stplay.errors import UserError
from stplay.settings import Settings


def write(home: Path, content: bytes) -> Path:
    path = home / "config" / "settings.toml"
    path.parent.mkdir()
    path.write_bytes(content)
    return path


def test_without_a_file_they_are_as_they_come(home: Path) -> None:
    assert settings.read() == Settings(notify=True)


def test_they_are_where_the_platform_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STPLAY_HOME", raising=False)
    expected = PlatformDirs("stplay", appauthor=False).user_config_path / "settings.toml"
    assert folders.settings_file() == expected


def test_what_is_told_holds(home: Path) -> None:
    write(home, b"notify = false\n")
    assert settings.read() == Settings(notify=False)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"notify = maybe", "line 1"),
        (b"notify = 1", "Expected `bool`"),
        (b"notfy = false", "notfy"),
        (b"\xff", "utf-8"),
        (b"notify = \x1b[31m", ""),
    ],
)
def test_what_cannot_be_used_is_told_in_a_sentence(home: Path, content: bytes, why: str) -> None:
    path = write(home, content)
    with pytest.raises(UserError) as told:
        settings.read()
    assert told.value.sentence.startswith(f"The settings in {path} cannot be used: ")
    assert told.value.sentence.endswith("; correct the file, or remove it.")
    assert why in told.value.sentence
    assert told.value.sentence.isprintable()
