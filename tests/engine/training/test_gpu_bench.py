"""The benchmark of GPUs says in one sentence that there is none."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from checkout import TESTS

SCRIPT = TESTS / "bench" / "gpu.py"


@pytest.mark.parametrize(("arguments", "code"), [([], 2), (["--help"], 0)])
def test_without_a_gpu(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    if code:
        assert done.stdout == ""
        (told,) = done.stderr.splitlines()
        assert told.startswith("There is no CUDA GPU here; --cpu runs")
    else:
        assert "--cpu" in done.stdout
