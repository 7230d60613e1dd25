"""A run's folder in the desktop's file manager, or why not."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from piloting import until

from stplay import terminal
from stplay.errors import UserError
from stplay.screens.shared.folderopening import open_folder


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop whose file manager writes down what it is to show."""
    told, program = tmp_path / "told", tmp_path / "bin" / "xdg-open"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nprintf %s "$1" > {told}.new && mv {told}.new {told}\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DISPLAY", ":0")
    for name in ("SSH_CONNECTION", "SSH_TTY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return told


async def test_it_is_opened(desktop: Path, tmp_path: Path) -> None:
    open_folder(tmp_path / "a run")
    await until(desktop.exists)
    assert desktop.read_text() == str(tmp_path / "a run")


def test_where_nobody_would_see_it_that_is_said(
    desktop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22")
    with pytest.raises(UserError, match="Over SSH no file manager"):
        open_folder(tmp_path)
    monkeypatch.setenv("TEXTUAL_DRIVER", terminal.BROWSER_DRIVER)
    with pytest.raises(UserError, match="From a browser no file manager"):
        open_folder(tmp_path)
    monkeypatch.delenv("TEXTUAL_DRIVER")
    monkeypatch.delenv("SSH_CONNECTION")
    monkeypatch.delenv("DISPLAY")
    with pytest.raises(UserError, match="There is no desktop here"):
        open_folder(tmp_path)
    assert not desktop.exists()
