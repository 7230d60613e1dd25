"""The job of docs/slurm.md, run as Slurm would: warned, queued again, and gone on with."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from checkout import ROOT
from conftest import require_program
from runner import small_recipe

from stplay.errors import UserError
from stplay.runs.run import Run

STEPS = 100


def job(tmp_path: Path) -> Path:
    """The script as it stands there, but for what it trains."""
    text = (ROOT / "docs" / "slurm.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"^```bash\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    _, *recipe = small_recipe(tmp_path / "data", training__max_steps=str(STEPS))
    assert "stplay train all-nli --name" in script
    path = tmp_path / "card.sh"
    words = " ".join(f"'{word}'" for word in recipe)
    path.write_text(script.replace("train all-nli", f"train {words}"), encoding="utf-8")
    return path


def start(tmp_path: Path, script: Path) -> subprocess.Popen[str]:
    """Start it as the node of a job does; whoever queues it again is written down."""
    programs = tmp_path / "bin"
    programs.mkdir(exist_ok=True)
    for name, line in {
        "stplay": f'exec {sys.executable} -m stplay "$@"',
        "scontrol": f'echo "$@" >> {tmp_path}/scontrol',
    }.items():
        (programs / name).write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        (programs / name).chmod(0o755)
    told = {"SLURM_JOB_NAME": "card", "SLURM_JOB_ID": "7"}
    told["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"
    return subprocess.Popen(
        [require_program("bash"), str(script)],
        env=os.environ | told,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def at_work(job: subprocess.Popen[str], step: int) -> Run:
    """The run of the job, once it has come to ``step``."""
    while True:
        assert job.poll() is None, job.communicate()[0]
        with suppress(UserError):  # it is not made yet
            run = Run.find("card-7")
            if run.read_log().step >= step:
                return run
        time.sleep(0.01)


def test_a_job_is_queued_again_before_its_time_is_over_and_ends_where_it_would(
    home: Path, tmp_path: Path
) -> None:
    script, queued = job(tmp_path), tmp_path / "scontrol"
    with start(tmp_path, script) as first:
        run = at_work(first, 4)
        first.send_signal(signal.SIGUSR1)
        told = first.communicate(timeout=240)[0]
    assert first.returncode == 130, told
    assert queued.read_text() == "requeue 7\n"
    log = run.read_log()
    assert log.status == "stopped"
    assert log.checkpoint is not None
    stopped = log.checkpoint.step
    assert 4 <= stopped == log.step < STEPS

    with start(tmp_path, script) as cancelled:  # Slurm starts the job anew; a person ends it
        at_work(cancelled, stopped + 4)
        cancelled.send_signal(signal.SIGTERM)
        told = cancelled.communicate(timeout=240)[0]
    assert cancelled.returncode == 130, told
    assert queued.read_text() == "requeue 7\n"
    assert stopped < run.read_log().step < STEPS

    with start(tmp_path, script) as last:
        told = last.communicate(timeout=240)[0]
    assert last.returncode == 0, told
    log = run.read_log()
    assert (log.status, log.step) == ("completed", STEPS)
    assert [row.step for row in log.table() if row.training_loss is not None] == [
        *range(4, STEPS + 1, 4)
    ]
    assert queued.read_text() == "requeue 7\n"
