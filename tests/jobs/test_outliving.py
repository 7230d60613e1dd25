"""What outlives whoever started it, and what ends with them: every process of the engine's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pyarrow.parquet
import pytest
from checkout import ROOT

from stplay.sources.datasources import COLUMNS

ENGINE = ROOT / "stplay" / "engine"
# How each is started, and a library that it imports at its work.
STARTED = {
    "train": ("run().launch()", "torch"),
    "launch": ("run('2').launch()", "torch"),
    "evaluate": ("Evaluation.create(Request([MODEL], DATA)).launch()", "torch"),
    "encode": ("encoders.launch(encoders.address(MODEL), 'x')", "sentence_transformers"),
    "plan": ("plans.make(recipe.load('sample'), lambda stage: None)", "sentence_transformers"),
    "preview": ("asyncio.run(firstrows.read(DATA, None))", "pyarrow"),
    "project": ("asyncio.run(projector.Projector().project(np.eye(8)))", "umap"),
    "lookattorch": ("list(torchcheck.findings())", "torch"),
    "writecard": ("asyncio.run(writtencards.write(Path(HOME)))", "yaml"),
}
# A card is written as a whole, or not.
OUTLIVING = {"train", "launch", "evaluate", "encode", "writecard"}
STARTER = """
import asyncio, os, sys, time
import numpy as np
from pathlib import Path
from stplay.doctor import torchcheck
from stplay.encoding import encoders, projector
from stplay.evaluations.evaluation import Evaluation, Request
from stplay.evaluations import writtencards
from stplay.runs import plans, recipe
from stplay.runs.run import Run
from stplay.runs.torchrun import Torchrun
from stplay.sources import firstrows

def run(processes="1"):
    made = Run.create(recipe.load("sample"), "mine", "sample")
    made.torchrun = Torchrun(processes)
    return made

HOME, DATA, MODEL = *sys.argv[1:], "builtin:tiny"
{start}
time.sleep(600)
"""


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Path]:
    """A folder where each process that waits for a library leaves its number; they are ended."""
    yield tmp_path
    for path in tmp_path.glob("at-*"):
        with suppress(ProcessLookupError):
            os.kill(int(path.name[3:]), signal.SIGKILL)


def test_every_kind_is_tried() -> None:
    mains = {path.stem for path in ENGINE.glob("*.py") if "__main__" in path.read_text()}
    assert mains == set(STARTED)


@pytest.mark.parametrize("kind", STARTED)
def test_what_is_left_when_the_starter_is_killed(home: Path, children: Path, kind: str) -> None:
    start, library = STARTED[kind]
    slow = children / "slow"  # on the child's way only: the starter imports the real one
    slow.mkdir()
    (slow / f"{library}.py").write_text(
        f"import os, time\nopen(r'{children}/at-' + str(os.getpid()), 'w').close()\n"
        "time.sleep(600)\n"
    )
    data = children / "data.parquet"  # an evaluation looks at it before it imports torch
    pyarrow.parquet.write_table(pyarrow.table({name: [name] for name in COLUMNS}), data)
    code = STARTER.format(start=f"os.environ['PYTHONPATH'] = r'{slow}:{ROOT}'\n{start}")
    module = f"stplay.engine.{kind}"
    starter = subprocess.Popen([sys.executable, "-c", code, str(home), str(data)])
    while not (markers := list(children.glob("at-*"))):
        assert starter.poll() is None
        time.sleep(0.01)
    child = psutil.Process(int(markers[0].name[3:]))
    assert module in child.cmdline()
    assert os.getsid(child.pid) == child.pid, "a terminal's keys and its end would reach it"
    starter.kill()
    starter.wait()
    if kind in OUTLIVING:
        assert child.is_running()
        assert child.status() != psutil.STATUS_ZOMBIE
    else:
        psutil.wait_procs([child], timeout=60)
        assert not child.is_running()
