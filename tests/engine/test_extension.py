"""A run is made longer: it goes on as if it had been so from where it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import run_stplay, write_triplets
from fasttraining import FastTraining
from runner import events_of, small_recipe
from transformers import TrainerCallback

from stplay.jobs.events import RunStarted, TrainLogged
from stplay.runs.run import Run

ONE_EPOCH = {"training__max_steps": "", "training__num_train_epochs": "1"}


def rates(run: Run) -> dict[int, float]:
    """The learning rates that were logged, by their steps."""
    return {
        event.step: event.learning_rate
        for event in events_of(run)
        if isinstance(event, TrainLogged)
    }


def extended(recipe: list[str], field: str, value: str) -> Run:
    """A run that finished by ``recipe`` and was made longer then."""
    assert run_stplay(*recipe, "--name=short").returncode == 0
    longer = run_stplay("resume", "short", f"--set={field}={value}")
    assert longer.returncode == 0, longer.stderr
    return Run.find("short")


def test_with_a_constant_rate_it_is_the_longer_run(home: Path, tmp_path: Path) -> None:
    changes = ONE_EPOCH | {"training__lr_scheduler_type": "constant"}
    run = extended(small_recipe(tmp_path, **changes), "training.num_train_epochs", "2")
    changes["training__num_train_epochs"] = "2"
    assert run_stplay(*small_recipe(tmp_path, **changes), "--name=long").returncode == 0
    whole = Run.find("long")
    assert [event.total_steps for event in events_of(run) if isinstance(event, RunStarted)] == [
        *(10, 20)
    ]
    rows, others = run.read_log().rows, whole.read_log().rows
    assert [row.training_loss for row in others.values()].count(None) < len(others)
    for step, row in others.items():
        assert (rows[step].training_loss, rows[step].loss) == (row.training_loss, row.loss)
    weights = [(each.model_folder() / "model.safetensors").read_bytes() for each in (run, whole)]
    assert weights[0] == weights[1]
    again = run_stplay("resume", "short")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "stplay resume short --set training.num_train_epochs=..." in again.stderr


def test_its_rate_is_that_of_the_longer_schedule_and_said(home: Path, tmp_path: Path) -> None:
    changes = {
        "training__max_steps": "12",
        "training__logging_steps": "1",
        "training__warmup_ratio": "0.25",
        "evaluation__eval_strategy": "no",
        "data__test": "",
    }
    run = extended(small_recipe(tmp_path, **changes), "training.max_steps", "24")
    changes["training__max_steps"] = "24"
    assert run_stplay(*small_recipe(tmp_path, **changes), "--name=long").returncode == 0
    short, long = rates(run), rates(Run.find("long"))
    assert [*short] == [*long] == [*range(1, 25)]
    assert short[12] < long[12]
    for step in range(13, 25):
        assert short[step] == pytest.approx(long[step], rel=1e-9), step
    (told,) = (note.text for note in run.read_log().notes if "longer now" in note.text)
    assert told.endswith("where the schedule of all 24 steps stands after 12.")
    assert f"goes on at {long[13]:.2g}" in told


class Rates(TrainerCallback):
    """The learning rates that the steps are taken with."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def on_step_begin(self, *_: Any, optimizer: Any = None, **kwargs: Any) -> None:
        self.taken.append(optimizer.param_groups[0]["lr"])


def test_the_steps_are_taken_with_the_rate_that_is_told(tmp_path: Path) -> None:
    write_triplets(tmp_path / "train.jsonl", 80)

    def taken(steps: int, checkpoint: Path | None = None) -> list[float]:
        trainer = FastTraining(tmp_path, max_steps=steps, lr_scheduler_type="cosine").trainer
        rates = Rates()
        trainer.add_callback(rates)
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        return rates.taken

    taken(4)
    longer = taken(8, tmp_path / "checkpoints" / "checkpoint-4")
    assert longer == pytest.approx(taken(8)[4:], rel=1e-9)


def test_what_makes_it_no_longer_is_refused(home: Path, tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path, training__max_steps="2", data__dev="", data__test="")
    assert run_stplay(*recipe, "--name=short").returncode == 0
    for field, value, told in (
        ("training.max_steps", "2", "training.max_steps is 2 already; a run can be made longer"),
        ("training.max_steps", "1", "training.max_steps is 2 already"),
        ("training.num_train_epochs", "9", "has finished; nothing to resume"),
        ("loss.mini_batch_size", "2", "has finished; nothing to resume"),
    ):
        refused = run_stplay("resume", "short", f"--set={field}={value}")
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
        assert told in refused.stderr
    assert Run.find("short").read_log().status == "completed"
