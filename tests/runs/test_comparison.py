"""Runs side by side."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from runsondisk import COMPLETED, STARTED, create, worker_of, write
from samplerun import finished_run

from stplay.errors import UserError
from stplay.jobs.events import Evaluated, Fingerprints, TrainLogged
from stplay.runs import comparison, runnote
from stplay.runs.comparison import ComparedRun, Contrast
from stplay.runs.run import Run


def told(contrasts: list[Contrast]) -> dict[str, list[str]]:
    return {contrast.title: contrast.marked() for contrast in contrasts}


def test_figures_and_which_is_best(home: Path) -> None:
    finished_run("a", steps=3)
    finished_run("b", steps=9)
    runs = comparison.read(["a", "b"])
    assert told(comparison.figures(runs)) == {
        "best dev accuracy": ["0.810", "0.810"],
        "its step": ["100", "100"],
        "newest dev accuracy": ["0.810", "0.810"],
        "least dev loss": ["0.9667", "0.3222 *"],
        "step of the least": ["300", "900"],
        "newest training loss": ["1.0000", "0.3333 *"],
        "samples a second, mean": ["1,790", "1,790"],
        "time at work": ["15 s *", "20 s"],
    }


def test_what_was_never_measured_is_no_figure_and_what_is_not_finite_is_not_best(
    home: Path,
) -> None:
    nothing = TrainLogged(step=1, epoch=0.0, loss=None, learning_rate=1.0)
    write(create("a"), STARTED, nothing)
    write(create("b"), STARTED, nothing, msgspec.structs.replace(nothing, loss=2.0))
    figures = told(comparison.figures(comparison.read(["a", "b"])))
    assert figures["newest training loss"] == ["-", "2.0000"]
    assert "best dev accuracy" not in figures


def test_what_looks_alike_is_called_alike(home: Path) -> None:
    for name, accuracy in (("a", 0.8001), ("b", 0.8004), ("c", 0.7)):
        evaluated = Evaluated(
            step=1, epoch=0.1, split="dev", data="d", rows=1, max_accuracy=accuracy
        )
        write(create(name), STARTED, evaluated)
    figures = told(comparison.figures(comparison.read(["a", "b", "c"])))
    assert figures["best dev accuracy"] == ["0.800 *", "0.800 *", "0.700"]


def test_only_what_differs_is_told(home: Path) -> None:
    recipe = STARTED.recipe
    other = {**recipe, "training": {**recipe["training"], "learning_rate": 0.00015000000000000001}}
    there = msgspec.structs.replace(
        STARTED,
        recipe=other,
        versions={"torch": "2.13.0"},
        rows={"train": 100, "dev": 1000},
        processes=2,
        fingerprints=Fingerprints(base="x", rows={"train": "abc"}),
    )
    write(create("a"), STARTED, COMPLETED)
    write(create("b"), there, COMPLETED)
    runnote.write(Run.find("b").folder, "#tag")
    assert told(comparison.differences(comparison.read(["a", "b"]))) == {
        "training.learning_rate": ["5e-05", "0.00015"],
        "processes": ["1", "2"],
        "rows of dev": ["-", "1,000"],
        "torch version": ["-", "2.13.0"],
        "base, by content": ["-", "x"],
        "rows of train, by content": ["-", "abc"],
        "note": ["-", "#tag"],
    }
    write(create("c"), STARTED, COMPLETED)
    assert comparison.differences(comparison.read(["a", "c"])) == []


def test_names_that_make_no_comparison(home: Path) -> None:
    finished_run("a")
    for names in (["a"], ["a", "a"]):
        with pytest.raises(UserError, match=r"two runs or more, such as: stplay compare RUN RUN"):
            comparison.read(names)
    with pytest.raises(UserError, match="no run 'b'"):
        comparison.read(["a", "b"])


def test_one_that_is_only_about_to_start_is_compared_by_its_recipe(home: Path) -> None:
    import psutil

    finished_run("a")
    write(create("b"), worker_of(psutil.Process()))
    runs: list[ComparedRun] = comparison.read(["a", "b"])
    differences = told(comparison.differences(runs))
    assert differences["status"] == ["✓ finished", "◌ starting"]
    assert differences["device"] == ["CPU, 2 threads", "-"]
