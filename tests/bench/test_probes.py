"""What probe sentences cost a training: the sample preset with three of them, with 32, and without.

By turns, as the whole processes that a user starts: the seconds from the first step to the last
evaluation. What they cost at each evaluation is told by the times of the log's own lines too: they
are encoded between that of the evaluation and their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest

from stplay import home as homes
from stplay.jobs.eventlog import EventReader
from stplay.jobs.events import Evaluated, Event, ProbesEncoded, RunStarted
from stplay.runs import recipe
from stplay.runs.probesentences import CARD_SENTENCES
from stplay.runs.run import Run

# As on a user's machine: the tests have one thread each.
os.environ.pop("OMP_NUM_THREADS", None)

ROUNDS = 2
MANY = [f"{sentence} {number}" for number in range(11) for sentence in CARD_SENTENCES][:32]
CASES = {"none": [], "three": CARD_SENTENCES, "32": MANY}


def trained(sentences: list[str]) -> list[Event]:
    """The events of a training from its start to its last evaluation on dev."""
    chosen = recipe.load("sample", ["data.train_rows=1280"])
    chosen.evaluation.probes = sentences
    run = Run.create(chosen, None, "bench")
    with run.worker_log_path.open("wb") as log:
        command = [sys.executable, "-m", "stplay.engine.train", str(run.folder)]
        subprocess.run(command, env=homes.environment(), stdout=log, stderr=log, check=True)
    events = EventReader(run.events_path).read()
    begun = next(at for at, event in enumerate(events) if isinstance(event, RunStarted))
    told = [at for at, each in enumerate(events) if isinstance(each, Evaluated | ProbesEncoded)]
    return events[begun : told[-2] + 1]  # the last one is of test


@pytest.mark.timeout(2400)
def test_probes(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    encoding: dict[str, list[float]] = {name: [] for name in CASES}
    for number in range(ROUNDS):
        for name in [*CASES] if number % 2 == 0 else [*reversed(CASES)]:
            events = trained(CASES[name])
            seconds[name].append(events[-1].time - events[0].time)
            encoding[name] += [
                told.time - before.time
                for before, told in pairwise(events)
                if isinstance(told, ProbesEncoded)
            ]
    with capsys.disabled():
        print()
        for name in CASES:
            took = median(seconds[name])
            line = f"{name:>6} probes: {took:7.2f} s"
            if encoding[name]:
                each, of_run = median(encoding[name]), sum(encoding[name]) / sum(seconds[name])
                line += f", {took / median(seconds['none']) - 1:+.1%}; by the log {1000 * each:.1f}"
                line += f" ms an evaluation, {of_run:.2%} of the training (aim 1 % for three)"
            print(line)
