"""How soon 300 runs are listed, by the command and by the screen, with their index and without."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from manyruns import make_runs
from terminal import Terminal

from stplay import home as home_module
from stplay.runs.runindex import INDEX
from stplay.runs.runsummary import summaries

RUNS = 300
TIMES = 7


def seconds(do: Callable[[], object], before: Callable[[], object] = lambda: None) -> float:
    """The median of how long it takes."""
    taken = []
    for _ in range(TIMES):
        before()
        start = time.perf_counter()
        do()
        taken.append(time.perf_counter() - start)
    return median(taken)


def test_the_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_runs(RUNS)
    index = home_module.runs_folder() / INDEX

    def command() -> None:
        done = subprocess.run(
            [sys.executable, "-m", "stplay", "runs"], capture_output=True, text=True, check=True
        )
        assert done.stdout.count("✓ finished") == RUNS

    def list_on_screen() -> float:
        """From the key until a real terminal shows the newest run; the list is opened anew."""
        with Terminal(size=(120, 40), env={"STPLAY_HOME": str(home)}) as terminal:
            terminal.wait_for("Learning rate")
            quiet = time.monotonic() + 2
            while time.monotonic() < quiet:
                terminal.read(0.05)
            start = time.perf_counter()
            terminal.type("o")
            while f"all-nli-{RUNS} " not in terminal.text:
                assert terminal.read(0.002), terminal.text
            return time.perf_counter() - start

    figures = {
        "folded, no index": seconds(summaries, lambda: index.unlink(missing_ok=True)),
        "folded, index": seconds(summaries),
        "stplay runs, no index": seconds(command, lambda: index.unlink(missing_ok=True)),
        "stplay runs, index": seconds(command),
        "the list on the screen": median(list_on_screen() for _ in range(TIMES)),
    }
    with capsys.disabled():
        print(f"\n{RUNS} runs, medians of {TIMES}; the index has {index.stat().st_size:,} bytes")
        for name, taken in figures.items():
            print(f"  {name:24} {taken * 1000:6.0f} ms")
        print("  aim: stplay runs below 500 ms, the list on the screen below 300 ms")
