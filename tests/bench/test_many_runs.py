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

    figures = {
        "folded, no index": seconds(summaries, lambda: index.unlink(missing_ok=True)),
        "folded, index": seconds(summaries),
        "stplay runs, no index": seconds(command, lambda: index.unlink(missing_ok=True)),
        "stplay runs, index": seconds(command),
    }
    with capsys.disabled():
        print(f"\n{RUNS} runs, medians of {TIMES}; the index has {index.stat().st_size:,} bytes")
        for name, taken in figures.items():
            print(f"  {name:24} {taken * 1000:6.0f} ms")
        print("  aim: stplay runs below 500 ms")
