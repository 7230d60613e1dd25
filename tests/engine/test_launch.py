"""The real command in several processes: the steps of one, a stop, a resume, and those that die."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from conftest import run_stplay
from livingprocesses import living
from runner import events_of, logged, saved, small_recipe, start, wait_for, wait_until_over

from stplay.jobs.events import (
    CheckpointSaved,
    Noted,
    RunFinished,
    RunResumed,
    RunStarted,
    WorkerStarted,
)
from stplay.runs.run import Run

TOLERANCE = 1e-4
ENDLESS = {"training__max_steps": "100000", "evaluation__eval_strategy": "no"}


@pytest.fixture(autouse=True)
def nothing_left(home: Path) -> Iterator[None]:
    """What a test that failed has left at work is ended."""
    yield
    for process in living(str(home)):
        process.kill()


def ranks_of(run: Run) -> list[psutil.Process]:
    """The processes that train, by their ranks."""
    worker = run.read_log().worker
    assert worker is not None
    found = living("stplay.engine.train", str(run.folder))
    assert all(each.ppid() == worker.pid for each in found)
    return sorted(found, key=lambda each: int(each.environ()["RANK"]))


def last(run: Run) -> RunFinished:
    finished = events_of(run)[-1]
    assert isinstance(finished, RunFinished)
    return finished


def assert_nothing_at_work(run: Run) -> None:
    """What has said its last word is on its way out, or already gone."""
    _, alive = psutil.wait_procs(living(str(run.folder)), timeout=60)
    assert alive == []


def assert_same_figures(run: Run, other: Run) -> None:
    rows, others = run.read_log().table(), other.read_log().table()
    assert [row.step for row in rows] == [row.step for row in others]
    for row, its in zip(rows, others, strict=True):
        assert row.training_loss == pytest.approx(its.training_loss, abs=TOLERANCE)
        assert row.loss == pytest.approx(its.loss, abs=TOLERANCE)


def test_the_steps_of_one_process_also_through_a_stop_and_a_resume_with_more(
    home: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(
        tmp_path / "data",
        model__dropout="0",
        training__max_steps="48",
        training__learning_rate="1e-4",
        training__save_steps="24",
        evaluation__eval_on_start="true",
    )
    assert run_stplay(*recipe, "--name=one").returncode == 0
    run = start([*recipe, "--nproc-per-node=2"], "two")
    wait_for(run, logged(4))
    stopped = run_stplay("stop", "two")
    assert stopped.returncode == 0, stopped.stderr
    assert last(run).outcome == "stopped"
    assert_nothing_at_work(run)
    steps = [event.step for event in events_of(run) if isinstance(event, CheckpointSaved)]
    assert steps[-1] < 48, "it was stopped too late"
    assert (run.folder / "checkpoints" / f"checkpoint-{steps[-1]}" / "optimizer.pt").is_file()

    resumed = run_stplay("resume", "two", "--nproc-per-node=3")
    assert resumed.returncode == 0, resumed.stderr
    assert "3 processes, CPU" in resumed.stdout
    started = [event for event in events_of(run) if isinstance(event, RunStarted)]
    assert [each.processes for each in started] == [2, 3]
    assert any(isinstance(event, RunResumed) for event in events_of(run))
    assert_same_figures(run, Run.find("one"))
    assert not (run.folder / "ranks").exists()
    assert (run.folder / "model" / "model.safetensors").is_file()


def test_a_process_that_dies_ends_the_run_and_so_does_the_launcher(
    home: Path, tmp_path: Path
) -> None:
    run = start([*small_recipe(tmp_path / "data", **ENDLESS), "--nproc-per-node=2"], "mine")
    wait_for(run, logged(8))
    _, second = ranks_of(run)
    second.kill()
    wait_until_over(run)
    finished = last(run)
    assert finished.outcome == "failed"
    assert "Process 1 of the training was killed" in (finished.error or "")
    assert "stplay resume mine" in (finished.error or "")
    assert_nothing_at_work(run)

    assert run_stplay("resume", "mine", "--detach").returncode == 0
    wait_for(run, lambda event: isinstance(event, RunResumed))
    assert len(ranks_of(run)) == 2, "as many as before"
    worker = next(each for each in reversed(events_of(run)) if isinstance(each, WorkerStarted))
    psutil.Process(worker.pid).send_signal(signal.SIGKILL)
    assert_nothing_at_work(run)
    assert run.read_log().status == "failed"


def test_what_cannot_be_trained_in_several_processes_is_told_once(
    home: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(tmp_path / "data", training__engine="stock")
    refused = run_stplay(*recipe, "--nproc-per-node=2", "--name=mine")
    assert refused.returncode == 2
    told = [line for line in refused.stderr.splitlines() if line]
    assert len(told) == 1
    assert "trains in one process; leave --nproc-per-node out." in told[0]
    assert "Process" not in told[0]
    assert not (home / "data" / "runs" / "mine").exists()
    nowhere = run_stplay(*recipe, "--nproc-per-node=gpu", "--name=mine")
    assert nowhere.returncode == 2
    assert "torch can use none here; a number trains on the CPU." in nowhere.stderr
    assert not (home / "data" / "runs" / "mine").exists()
    for wrong in ("0", "-1", "all", "two"):
        assert run_stplay("train", "sample", f"--nproc-per-node={wrong}").returncode == 2


def test_a_process_that_dies_is_started_again_with_all_others_where_restarts_are_allowed(
    home: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(
        tmp_path / "data",
        training__max_steps="60",
        training__save_steps="20",
        evaluation__eval_strategy="no",
        data__test="",
    )
    run = start([*recipe, "--nproc-per-node=2", "--max-restarts=1"], "mine")
    wait_for(run, saved(20))
    ranks_of(run)[0].kill()
    wait_until_over(run)
    events = events_of(run)
    assert last(run).outcome == "completed"
    assert next(event.step for event in events if isinstance(event, RunResumed)) >= 20
    assert sum(isinstance(event, RunFinished) for event in events) == 1
    (told,) = [event.text for event in events if isinstance(event, Noted)]
    assert told == (
        "Process 0 of the training ended without a last word; all processes were started again (1)."
    )


def test_two_machines_train_one_run(home: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"--rdzv-endpoint=127.0.0.1:{probe.getsockname()[1]}"
    recipe = small_recipe(tmp_path / "data", training__max_steps="8", data__test="")
    options = [*recipe, "--name=mine", "--nnodes=2", place]
    command = [sys.executable, "-m", "stplay", *options]
    with subprocess.Popen(
        command, env=os.environ | {"SLURM_NODEID": "1"}, stdout=subprocess.PIPE, text=True
    ) as other:
        first = run_stplay(*options, env={"SLURM_NODEID": "0"})
        said, _ = other.communicate(timeout=240)
    assert first.returncode == 0, first.stderr
    assert other.returncode == 0
    assert said == "run mine: this machine takes part as 1 of 2\n"
    run = Run.find("mine")
    started = run.read_log().started
    assert started is not None
    assert (started.processes, started.machines) == (2, 2)
    assert "2 processes on 2 machines, CPU" in first.stdout
    assert [path.name for path in home.glob("data/runs/*")] == ["mine"]
    output = run.worker_log_path.read_text(encoding="utf-8")
    assert "eval_loss" in output
    assert "launch your script" not in output


def test_options_that_do_not_go_together_are_told_at_once(home: Path) -> None:
    place = "--rdzv-endpoint=a:1"
    for options, told in [
        (["--nnodes=2"], "Several machines need both --nnodes"),
        ([place], "Several machines need both --nnodes"),
        (["--nnodes=2", place, "--node-rank=2"], "--node-rank 2 is none of 2"),
        (["--nnodes=2", place, "--node-rank=1"], "give the run a --name"),
        (["--node-rank=1"], "--node-rank 1 is none of 1"),
    ]:
        refused = run_stplay("train", "sample", *options)
        assert refused.returncode == 2
        assert told in refused.stderr
    srun = {"SLURM_LOCALID": "1"}
    refused = run_stplay("train", "sample", "--nnodes=2", place, env=srun)
    assert "--ntasks-per-node=1" in refused.stderr
    assert not [*home.glob("data/runs/*")]
