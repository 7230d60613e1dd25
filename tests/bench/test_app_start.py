"""How long the app takes to paint its first screen, beside an empty Textual app."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from statistics import median

import pytest
from terminal import Terminal

RUNS = 9


def seconds_to_paint(program: list[str], shown: str, home: Path) -> float:
    """From the start of the process until a real terminal shows the text ``shown``."""
    begin = time.perf_counter()
    with Terminal(program=program, size=(120, 40), env={"STPLAY_HOME": str(home)}) as terminal:
        while shown not in terminal.text:
            assert time.perf_counter() - begin < 30, terminal.text
            assert terminal.read(0.005), terminal.text
        return time.perf_counter() - begin


def test_first_screen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty.py").write_text(
        "from textual.app import App\nfrom textual.widgets import Static\n"
        "class Empty(App):\n    def compose(self):\n        yield Static('empty')\n"
        "Empty().run()\n"
    )
    programs = {
        "an empty Textual app": ([sys.executable, str(tmp_path / "empty.py")], "empty"),
        "stplay, first paint": ([sys.executable, "-m", "stplay"], "3 Explore"),
        "stplay, ready to start": ([sys.executable, "-m", "stplay"], "Learning rate"),
    }
    for program, shown in programs.values():
        seconds_to_paint(program, shown, tmp_path)
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(RUNS):
        for name, (program, shown) in programs.items():
            taken[name].append(seconds_to_paint(program, shown, tmp_path))
    empty = taken["an empty Textual app"]
    with capsys.disabled():
        print(f"\nFirst screen, median of {RUNS} paired runs, {os.cpu_count()} cores")
        for name, seconds in taken.items():
            ratio = median(ours / other for ours, other in zip(seconds, empty, strict=True))
            print(f"  {name:24} {median(seconds) * 1000:6.0f} ms {ratio:6.2f}")
        print("  aim: the first paint at most 1.6")
