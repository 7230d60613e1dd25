"""Runs that are given another name."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from filelock import FileLock
from finishedevaluations import finished
from runsondisk import create, worker_of, write
from samplerun import finished_run

from stplay.errors import UserError
from stplay.evaluations import naming
from stplay.jobs.job import LOCK
from stplay.runs.run import Run


def test_a_run_goes_by_its_new_name_alone(home: Path) -> None:
    run = finished_run("old")
    log = run.read_log()
    renamed = run.rename("new")
    assert [each.id for each in Run.every()] == [renamed.id] == ["new"]
    assert renamed.read_log().table() == log.table() != []
    with pytest.raises(UserError, match=r"no run 'old'\. The newest: new"):
        Run.find("old")
    assert create("old").read_log().status == "starting", "the old name is free"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("there", "There is a run named there already"),
        ("old", "There is a run named old already"),
        ("../up", "'../up' cannot name a run; use letters"),
        ("", "'' cannot name a run; use letters"),
        (".index", r"'\.index' cannot name a run"),
        ("file", "There is a run named file already"),
    ],
)
def test_a_name_that_cannot_be(home: Path, name: str, sentence: str) -> None:
    run = finished_run("old")
    finished_run("there")
    (home / "data" / "runs" / "file").touch()
    with pytest.raises(UserError, match=sentence):
        run.rename(name)
    assert sorted(each.id for each in Run.every()) == ["old", "there"]


def test_one_at_work_keeps_its_name(home: Path) -> None:
    run = write(create("busy"), worker_of(psutil.Process()))
    with pytest.raises(UserError, match="busy is, or may be, at work; once it has ended"):
        run.rename("other")
    lost = write(create("lost"), worker_of(psutil.Process(), host="elsewhere"))
    os.utime(lost.events_path, (1, 1))
    with pytest.raises(UserError, match="lost is, or may be, at work"):
        lost.rename("other")
    held = finished_run("held")
    with FileLock(held.folder / LOCK), pytest.raises(UserError, match="held is, or may be, at"):
        held.rename("other")
    assert sorted(each.id for each in Run.every()) == ["busy", "held", "lost"]


def test_a_folder_that_is_gone_is_told_and_leaves_none(home: Path) -> None:
    run = finished_run("old")
    kept = run.folder.rename(home / "kept")
    with pytest.raises(UserError, match="There is no run old any more"):
        run.rename("new")
    kept.rename(run.folder)
    assert run.rename("new").id == "new"


def test_evaluations_that_name_it_are_told(home: Path) -> None:
    first, _, last = (
        finished(*models) for models in (["run:old@5", "b"], ["run:older"], ["run:old"])
    )
    words = naming.naming_words("old")
    assert words == f"What was evaluated before is still told of run:old: {last.id}, {first.id}."
    assert naming.naming_words("new") == ""
