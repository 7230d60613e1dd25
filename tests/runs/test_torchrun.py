"""How many processes a run is started in."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace
from runsondisk import STARTED, create, write

from stplay.errors import UserError
from stplay.jobs.events import RunFinished
from stplay.runs import torchrun
from stplay.runs.run import Run
from stplay.runs.torchrun import Torchrun
from stplay.runs.traininglog import device_words

STOPPED = RunFinished(outcome="stopped", exit_code=130)


def command(run: Run) -> list[str]:
    return run.command(run.read_log())


def test_a_run_is_started_in_one_process_where_nobody_says_more(home: Path) -> None:
    run = create()
    alone = ["stplay.engine.train", str(run.folder)]
    assert command(run) == alone
    run.torchrun = Torchrun(nproc_per_node="1")
    assert command(run) == alone


def test_a_run_goes_on_in_as_many_processes_as_before_or_as_it_is_told(home: Path) -> None:
    run = write(create(), replace(STARTED, processes=4), STOPPED)
    module, folder, *options = command(run)
    assert (module, folder) == (torchrun.MODULE, str(run.folder))
    assert options[-5:] == ["--nproc-per-node", "4", "--max-restarts", "0", "--"]
    assert "--standalone" in options
    run.overrides = ["training.save_steps=9"]
    assert command(run)[2:] == [*options, "training.save_steps=9"]
    run.torchrun = Torchrun(nproc_per_node="1")
    assert command(run)[0] == "stplay.engine.train"


def test_a_run_of_several_machines_does_not_go_on_by_itself(home: Path) -> None:
    run = write(create(), replace(STARTED, processes=16, machines=2), STOPPED)
    with pytest.raises(UserError, match="trained in 16 processes on 2 machines; say how"):
        command(run)
    run.torchrun = Torchrun("gpu", 2, 1, "node1:29500", 3)
    assert command(run)[2:] == [
        *("--nnodes", "2", "--node-rank=1", "--rdzv-backend=c10d"),
        *("--rdzv-endpoint", "node1:29500", "--rdzv-id", run.id),
        *("--nproc-per-node", "gpu", "--max-restarts", "3", "--"),
    ]


@pytest.mark.parametrize(
    ("processes", "machines", "words"),
    [
        (1, 1, "CPU"),
        (4, 1, "4 processes, CPU"),
        (1024, 128, "1,024 processes on 128 machines, CPU"),
    ],
)
def test_what_a_run_is_computed_on(processes: int, machines: int, words: str) -> None:
    assert device_words(replace(STARTED, processes=processes, machines=machines)) == words
