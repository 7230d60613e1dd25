"""Runs side by side, by the real command."""

from __future__ import annotations

import json

from conftest import Command
from mistakes import assert_mistake
from runsondisk import STARTED, create, write
from samplerun import finished_run

from stplay.runs import comparison


def test_runs_are_set_side_by_side(stplay: Command) -> None:
    finished_run("first", steps=3)
    finished_run("second", steps=5)
    done = stplay("compare", "first", "second")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert lines[0][-2:] == ["first", "second"]
    assert ["least", "dev", "loss", "0.9667", "0.5800", "*"] in lines
    assert ["steps", "300", "500"] in lines
    told = json.loads(stplay("compare", "first", "second", "--json").stdout)
    assert told["runs"] == ["first", "second"]
    assert [*told["figures"]] == [figure.title for figure in comparison.FIGURES]
    assert told["figures"]["best dev accuracy"] == [0.81, 0.81]
    assert told["differences"] == {"steps": [300, 500]}


def test_runs_that_were_begun_alike(stplay: Command) -> None:
    for name in ("a", "b"):
        write(create(name), STARTED)
    assert "They were begun alike: the same recipe" in stplay("compare", "a", "b").stdout


def test_mistakes(stplay: Command) -> None:
    finished_run("a")
    assert_mistake(stplay("compare", "a"), "two runs or more")
    assert_mistake(stplay("compare", "a", "b"), "no run 'b'")
