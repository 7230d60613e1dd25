"""How alike a run found its probe sentences, printed by the real command."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from conftest import Command
from mistakes import assert_mistake
from probedrun import angles, probed_run, probes_encoded
from runsondisk import create, write

from stplay.jobs.events import RunResumed, RunStarted
from stplay.runs.probesentences import CARD_SENTENCES
from stplay.runs.recipe import Recipe
from stplay.runs.recipesections import EvaluationSection


def started(**evaluation: object) -> RunStarted:
    recipe = Recipe(evaluation=EvaluationSection(**evaluation))  # type: ignore[arg-type]
    recipe.data.dev = "builtin:sample"
    return RunStarted(
        recipe=recipe.to_dict(),
        base="",
        device="",
        precision="",
        versions={},
        rows={},
        total_steps=1,
        parameters=1,
    )


def cosine(step: int, first: int = 0, second: int = 2) -> float:
    at = angles(3, step)
    return float(np.cos(at[first] - at[second]))


def test_the_newest_and_any_other_step(stplay: Command) -> None:
    probed_run(steps=5)
    done = stplay("runs", "done", "--probes")
    assert (done.returncode, done.stderr) == (0, "")
    title, numbers, first, *_ = done.stdout.splitlines()
    assert title == "After step 500, the cosine of each two:"
    assert numbers.split() == ["1", "2", "3"]
    cells = first.split(None, 4)
    assert cells[4] == CARD_SENTENCES[0]
    assert float(cells[3]) == pytest.approx(cosine(500), abs=1e-3)
    earlier = stplay("runs", "done", "--probes", "--step", "100")
    assert "After step 100" in earlier.stdout
    assert f"{cosine(100):.4f}"[:5] in earlier.stdout


def test_json_and_csv(stplay: Command) -> None:
    probed_run(steps=5)
    told = json.loads(stplay("runs", "done", "--probes", "--json", "--step=200").stdout)
    facts = {name: told[name] for name in ("model", "metric", "sentences", "step", "epoch")}
    assert facts == {
        "model": "run:done",
        "metric": "cosine",
        "sentences": CARD_SENTENCES,
        "step": 200,
        "epoch": 0.2,
    }
    assert told["matrix"][0][2] == pytest.approx(cosine(200), abs=1e-3)
    header, *rows = csv.reader(io.StringIO(stplay("runs", "done", "--probes", "--csv").stdout))
    assert header == ["sentence", *CARD_SENTENCES]
    assert [row[0] for row in rows] == CARD_SENTENCES
    assert float(rows[0][3]) == pytest.approx(cosine(500), abs=1e-3)


def test_what_was_resumed_and_what_is_not_finite(stplay: Command) -> None:
    run = probed_run(steps=5)
    write(run, RunResumed(step=200), probes_encoded(300, gap=True))
    assert_mistake(
        stplay("runs", "done", "--probes", "--step=400"), "after the steps 100, 200, 300."
    )
    told = json.loads(stplay("runs", "done", "--probes", "--json").stdout)
    assert told["step"] == 300
    assert told["matrix"][0] == [None] * 3
    assert told["matrix"][1][2] is not None
    assert "nan" in stplay("runs", "done", "--probes").stdout


@pytest.mark.parametrize(
    ("begun", "why"),
    [
        (None, "The training has not begun yet."),
        (started(), "No evaluation on dev has told of them."),
        (started(probes=[]), "This run has none (evaluation.probes = [])."),
        (started(eval_strategy="no"), "not evaluated on dev while it trains"),
        (RunStarted, "An older stplay began this run"),
    ],
)
def test_why_there_are_none(
    stplay: Command, begun: RunStarted | type[RunStarted] | None, why: str
) -> None:
    run = create("none")
    if begun is RunStarted:
        older = started()
        del older.recipe["evaluation"]["probes"]
        write(run, older)
    elif isinstance(begun, RunStarted):
        write(run, begun)
    assert_mistake(stplay("runs", "none", "--probes"), why)


def test_other_sentences_than_those_that_were_encoded_are_no_matrix(stplay: Command) -> None:
    write(create("other"), started(probes=["a cat", "a dog"]), probes_encoded(100))
    assert_mistake(stplay("runs", "other", "--probes"), "of other sentences than the run's")


def test_they_are_of_one_run(stplay: Command) -> None:
    assert_mistake(stplay("runs", "--probes"), "name it, as in: stplay runs RUN --probes")
    assert_mistake(stplay("runs", "a", "--step=3"), "--step goes with --probes")
    assert_mistake(stplay("runs", "none", "--probes"), "no run 'none'")
