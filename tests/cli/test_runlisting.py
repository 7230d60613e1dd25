"""The list of runs, notes and names, by the real commands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Command
from finishedevaluations import finished
from mistakes import assert_mistake
from runsondisk import create
from samplerun import finished_run
from terminal import Terminal

from stplay.runs.runcolumns import COLUMNS


@pytest.fixture
def _three(home: Path) -> None:
    finished_run("first", steps=3)
    finished_run("second", steps=5)
    finished_run("third", outcome="failed", exit_code=1, error="It broke.")


def names(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()]


@pytest.mark.usefixtures("_three")
def test_runs_are_sorted_and_filtered(stplay: Command) -> None:
    done = stplay("runs", "--sort", "took", "--filter", "status:finished dev>0.8")
    assert (done.returncode, done.stderr) == (0, "")
    assert names(done.stdout) == ["Run", "first", "second"]
    assert done.stdout.splitlines()[0].split() == [
        word for column in COLUMNS.values() for word in column.title.split()
    ], "a pipe has room for all"
    done = stplay("runs", "--json", "--sort", "run", "--filter", "recipe.learning_rate<1")
    assert [json.loads(line)["run"] for line in done.stdout.splitlines()] == [
        *("first", "second", "third")
    ]
    assert stplay("runs", "--filter", "snli").stdout == "None of the 3 runs is so: snli\n"
    assert stplay("runs", "--json", "--filter", "snli").stdout == ""


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_mistakes(stplay: Command, options: tuple[str, ...]) -> None:
    assert_mistake(stplay("runs", "--sort", "loss", *options), "no column 'loss'; there are run,")
    assert_mistake(stplay("runs", "--filter", "lr>1", *options), "Runs have no 'lr'; they have run")
    assert_mistake(stplay("runs", "one", "--sort", "dev"), "leave RUN out")


@pytest.mark.usefixtures("_three")
def test_a_narrow_terminal_says_what_it_has_no_room_for(home: Path) -> None:
    with Terminal("runs", size=(60, 24), env={"STPLAY_HOME": str(home)}) as terminal:
        terminal.wait_for("No room here for: ")
        assert "Base" in terminal.text.partition("No room")[2]
        assert "Base" not in terminal.text.partition("No room")[0]


@pytest.mark.usefixtures("_three")
def test_a_note_is_written_shown_searched_and_removed(stplay: Command) -> None:
    assert stplay("note", "first").stdout == "first: no note\n"
    assert stplay("note", "first", "#baseline", "of all").stdout == "first: #baseline of all\n"
    assert names(stplay("runs", "--filter", "#baseline").stdout) == ["Run", "first"]
    told = json.loads(stplay("runs", "--json", "--filter", "note:'of all'").stdout)
    assert (told["note"], told["tags"]) == ("#baseline of all", ["baseline"])
    assert stplay("note", "first", "").stdout == "first: no note\n"
    assert_mistake(stplay("note", "none", "x"), "no run 'none'")


@pytest.mark.usefixtures("_three")
def test_a_run_gets_another_name(stplay: Command) -> None:
    evaluation = finished("run:first")
    done = stplay("rename", "first", "best")
    assert (done.returncode, done.stdout) == (0, "first is called best now.\n")
    told = f"What was evaluated before is still told of run:first: {evaluation.id}.\n"
    assert done.stderr == told
    done = stplay("rename", "best", "better")
    assert (done.returncode, done.stdout, done.stderr) == (0, "best is called better now.\n", "")
    assert_mistake(stplay("rename", "better", "second"), "There is a run named second already")
    assert_mistake(stplay("rename", "first", "x"), "no run 'first'")
    create("busy")
    assert_mistake(stplay("rename", "busy", "x"), "busy is, or may be, at work")
