"""What a training will cost, from what earlier ones took and from what was measured."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest
from sampleplan import choice, plan_of
from samplerun import finished_run

from stplay.runs import cost, diskneed, recipe
from stplay.runs.cost import CostLine, cost_lines, measured_runs
from stplay.runs.diskneed import SavedSizes, disk_need, disk_words
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.runs.runindex import RunIndex


def told(chosen: Recipe, plan: object = None, steps: int = 200) -> dict[str, CostLine]:
    """The lines of cost of a recipe by their names."""
    lines = cost_lines(chosen, steps, "32 triplets", measured_runs(), plan)  # type: ignore[arg-type]
    return {line.name: line for line in lines}


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run of the sample on this machine: 300 steps at 100 a second."""
    monkeypatch.setattr(platform, "node", lambda: "gpu-box")
    return finished_run("sample-1")


def test_what_an_earlier_run_took_is_what_it_costs(run: Run) -> None:
    chosen = run.recipe()
    lines = told(chosen)
    assert lines["Steps"].words == "200 steps of 32 triplets"
    assert lines["Time"].words == "about 14 s"  # 2 s of steps, 12 s beside them
    assert lines["Time"].source == "measured here: sample-1, CPU, 2 threads"
    assert lines["Memory"].words == "about 1.0 GiB of the machine"
    assert "computed from the model's 1 parameters" in lines["Disk"].source
    (run.folder / "model").mkdir()
    (run.folder / "model" / "weights").write_bytes(bytes(1 << 20))
    (run.folder / "checkpoints" / "x").mkdir(parents=True)
    (run.folder / "checkpoints" / "x" / "all").write_bytes(bytes(3 << 20))
    disk = told(chosen)["Disk"]
    assert disk.words.startswith("about 9.0 MiB, ")  # two whole, two bare, the model
    assert disk.source == "4 checkpoints and the model, measured here: what sample-1 saved"


def test_only_what_agrees_is_taken_for_a_measurement(run: Run) -> None:
    other = recipe.load("sample", ["evaluation.eval_steps=7", "training.learning_rate=1e-5"])
    assert told(other)["Time"].source.endswith("it evaluated or saved at other steps")
    for change in ("training.per_device_train_batch_size=8", "data.train=all-nli"):
        lines = told(recipe.load("sample", [change]))
        assert lines["Time"].words == lines["Memory"].words == "not measured yet"
        assert lines["Disk"].fits
    assert told(recipe.load("sample", ["model.base=org/x"]))["Disk"].words == "not measured yet"


def test_runs_of_other_machines_tell_nothing(home: Path) -> None:
    finished_run("elsewhere")
    assert measured_runs(RunIndex()) == []


def test_what_was_measured_of_the_recipe_itself(home: Path) -> None:
    plan = plan_of(choice(72, 0.5, 130 << 20), choice(8, 0.9, 80 << 20))
    plan.parameters = 3_000_000
    lines = told(recipe.load("sample"), plan)
    assert lines["Time"].words == "about 1 min 40 s"
    assert "0.500 s a step, CPU, 2 threads" in lines["Time"].source
    assert lines["Memory"].words == "about 130.0 MiB, 3.0 GiB free"
    assert lines["Disk"].source.endswith("computed from the model's 3,000,000 parameters")
    smaller = recipe.load("sample", ["loss.mini_batch_size=8"])
    assert told(smaller, plan)["Time"].words == "about 3 min 00 s"
    plan.free_bytes = 1
    memory = told(smaller, plan)["Memory"]
    assert not memory.fits
    assert memory.words.endswith("it does not fit")


def test_what_does_not_fit_on_the_disk_is_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "free_disk_bytes", lambda: 10)
    disk = told(run.recipe())["Disk"]
    assert not disk.fits
    assert "that does not fit" in disk.words


def test_checkpoints_that_are_kept_and_the_one_that_comes_before_another_goes() -> None:
    training, sizes = recipe.load("sample").training, SavedSizes(10, 30)
    assert disk_need(training, 200, sizes) == (2 * 30 + 2 * 10 + 10, 4)
    training.save_total_limit = 3
    assert disk_need(training, 200, sizes) == (2 * 30 + 10 + 30, 3)
    training.save_total_limit = None
    assert disk_need(training, 1, sizes) == (30 + 10, 1)
    assert disk_words(5, None) == "about 5 B"
    assert (diskneed.free_disk_bytes() or 1) > 0
