"""Models side by side: what their names tell of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from keptresults import summary_of
from samplerun import finished_run

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation
from stplay.evaluations.sidebyside import Contender
from stplay.jobs import folders


@pytest.mark.parametrize(
    ("name", "run", "step"),
    [
        ("run:a@300", "a", 300),
        ("run:a", "a", None),
        ("run:a@" + "9" * 5000, "a", None),
        ("run:a@²", "a", None),
        ("run:a@x", "a", None),
        ("org/name@300", None, None),
    ],
)
def test_the_run_and_the_step_of_a_model(
    tmp_path: Path, name: str, run: str | None, step: int | None
) -> None:
    summary = summary_of([name])
    contender = Contender("A", Evaluation(tmp_path), summary, summary.models[0])
    assert (contender.run, contender.step) == (run, step)


@pytest.mark.parametrize("step", ["9" * 5000, "²", "x", "", "-300", "301"])
def test_a_step_that_was_not_kept_is_told_in_one_short_line(home: Path, step: str) -> None:
    run = finished_run("done")
    (run.folder / "checkpoints" / "x").mkdir(parents=True)
    assert folders.checkpoint(run.folder, "300").name == "x"
    with pytest.raises(UserError, match=r"kept no checkpoint of step .*; kept steps: 300") as error:
        folders.checkpoint(run.folder, step)
    assert len(error.value.sentence) < 200
