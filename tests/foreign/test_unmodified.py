"""Scripts that know nothing of stplay, run for real: each place they leave tells the same rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import SUPPORT
from placesread import folded, let_settle, read_place

from stplay.foreign.foreignlog import ForeignLog

LOSSES = ("loss", "eval_loss", "eval_dev_cosine_accuracy")


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a training that failed after its last step, with its console log in it."""
    folder = tmp_path_factory.mktemp("foreign") / "output"
    folder.mkdir()
    log = folder / "slurm-7.out"
    with log.open("wb") as file:
        ended = subprocess.run(
            [sys.executable, str(SUPPORT / "foreign_script.py"), str(folder), "tensorboard"],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": ""},
            timeout=240,
        )
    assert ended.returncode == 1, log.read_text()
    let_settle(log)
    return folder


def history(output: Path) -> list[tuple[int, float, str, float]]:
    """What the Trainer itself remembers."""
    state = json.loads((output / "checkpoint-30" / "trainer_state.json").read_text())
    return sorted(
        (entry["step"], entry["epoch"], name, entry[name])
        for entry in state["log_history"]
        for name in LOSSES
        if name in entry
    )


def told(log: ForeignLog, names: dict[str, str]) -> list[tuple[int, float, str, float]]:
    """What a place tells of the same, by the ``names`` that it has there."""
    return sorted(
        (row.step, row.epoch or 0.0, names[name], value)
        for row in log.measured()
        for name, value in row.values.items()
        if name in names and value is not None
    )


def assert_same(
    found: list[tuple[int, float, str, float]], wanted: list[tuple[int, float, str, float]]
) -> None:
    """Compare as far as four digits, with which some are printed."""
    assert [(step, name) for step, _, name, _ in found] == [
        (step, name) for step, _, name, _ in wanted
    ]
    numbers = [number for _, epoch, _, value in found for number in (epoch, value)]
    expected = [number for _, epoch, _, value in wanted for number in (epoch, value)]
    assert numbers == pytest.approx(expected, rel=1e-3)


@pytest.mark.torch
def test_every_place_tells_what_the_trainer_remembers(output: Path) -> None:
    wanted = history(output)
    assert len(wanted) == 6 + 3 + 3
    same = {name: name for name in LOSSES}
    state = folded(read_place(output))
    assert_same(told(state, same), wanted)
    assert (state.status, state.step, state.total_steps) == ("completed", 30, 30)
    printed = folded(read_place(output / "slurm-7.out"))
    assert_same(told(printed, same), wanted)
    assert (printed.step, printed.total_steps) == (30, 30)
    card = {
        "Training Loss": "loss",
        "Validation Loss": "eval_loss",
        "dev_cosine_accuracy": "eval_dev_cosine_accuracy",
    }
    assert_same(told(folded(read_place(output / "model")), card), wanted)
    board = {
        "train/loss": "loss",
        "eval/loss": "eval_loss",
        "eval/dev_cosine_accuracy": "eval_dev_cosine_accuracy",
    }
    assert_same(told(folded(read_place(output / "runs")), board), wanted)


@pytest.mark.torch
def test_the_failure_after_the_last_step_is_told(output: Path) -> None:
    log = folded(read_place(output / "slurm-7.out"))
    assert (log.status, log.error) == ("failed", "SystemError: the disk is gone")


@pytest.mark.torch
def test_the_evaluators_own_rows_are_there(output: Path) -> None:
    rows = {row.step: row.values for row in folded(read_place(output)).measured()}
    for step in (10, 20, 30):
        of_csv = rows[step]["triplet_evaluation_dev: accuracy_cosine"]
        assert of_csv == rows[step]["eval_dev_cosine_accuracy"]
