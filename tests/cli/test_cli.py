"""The real command: exit codes, one line a mistake, and a reader that goes away."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from conftest import Command
from mistakes import assert_mistake
from runsondisk import COMPLETED, STARTED, create, start_worker, worker_of, write

import stplay as package
from stplay.jobs.events import CheckpointSaved, Evaluated, Noted, RunFinished, WorkerStarted
from stplay.runs.run import Run

COMMANDS = ("train", "runs", "stop", "resume", "sim", "encoders")


def finished_run(name: str) -> Run:
    return write(
        create(name),
        WorkerStarted(host="elsewhere", pid=1, process_started=1.0, time=1_700_000_000.0),
        STARTED,
        Evaluated(
            step=6250,
            epoch=1.0,
            split="test",
            data="sample-test",
            rows=1000,
            cosine_accuracy=0.839,
            dot_accuracy=0.1,
            manhattan_accuracy=0.2,
            euclidean_accuracy=0.3,
            max_accuracy=0.839,
        ),
        COMPLETED,
    )


def test_the_version(stplay: Command):
    done = stplay("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"stplay {package.__version__}\n"


def test_the_installed_command_is_the_same():
    command = Path(sys.executable).with_name("stplay")
    if not command.exists():
        pytest.skip("stplay is not installed beside this Python")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"stplay {package.__version__}\n")


def test_help(stplay: Command):
    done = stplay("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for command in COMMANDS:
        assert re.search(rf"^ +{command} +\w", done.stdout, re.MULTILINE), command
    done = stplay("train", "--help")
    assert done.returncode == 0
    for option in ("--set", "--name", "--detach", "--json", "all-nli"):
        assert option in done.stdout


@pytest.mark.parametrize("arguments", [("trian",), ("stop",), ("train", "--nmae", "x")])
def test_a_command_of_no_known_form(stplay: Command, arguments: tuple[str, ...]):
    done = stplay(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("usage: stplay")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("train", "all-nil"), ["'all-nil'", "all-nli, sample"]),
        (("train", "no[red]x[/red]\x1b[31mne"), ["'no[red]x[/red]�[31mne'"]),
        (("train", "none.toml"), ["none.toml", "No such file"]),
        (
            ("train", "--set", "training.seed=x", "--set", "loss.scale=nan"),
            ["--set training.seed = 'x'", "a whole number", "--set loss.scale = nan"],
        ),
        (("train", "--set", "training.sed=1"), ["training.sed is unknown", "seed"]),
        (("train", "--set", "training.\x1b[31m=1"), ["training.�[31m is unknown"]),
        (("train", "--set", "seed"), ["--set seed", "section.name=value"]),
        (("train", "--set", "model.base=./none"), ["no model folder"]),
        (("train", "--set", "data.dev=no\nne\x1b[31m.csv"), ["no data file or folder", "�[31m"]),
        (("train", "--name", "../x"), ["'../x' cannot name a run"]),
        (("train", "--name", "taken"), ["named taken already", "stplay resume taken"]),
        (("stop", "none"), ["no run 'none'", "taken"]),
        (("stop", "taken"), ["taken is not at work; nothing to stop"]),
        (("resume", "../taken\x1b"), ["no run '../taken�'"]),
        (("resume", "taken"), ["taken has finished; nothing to resume"]),
    ],
)
def test_a_mistake_is_one_line(
    stplay: Command, home: Path, arguments: tuple[str, ...], parts: list[str]
):
    finished_run("taken")
    assert_mistake(stplay(*arguments, cwd=home), *parts)
    assert [path.name for path in (home / "data" / "runs").iterdir()] == ["taken"]


@pytest.mark.parametrize(
    ("settings", "parts"),
    [
        (
            ("training.seed=3", "loss.mini_batch_size=4"),
            ["training.seed cannot change in a run that has begun; what can is loss.mini_batch"],
        ),
        (("training.save_steps=0",), ["training.save_steps = 0", "at least 1"]),
        (("data.\x1b=3",), ["data.� is unknown"]),
    ],
)
def test_what_stays_as_a_run_was_begun(stplay: Command, settings: tuple[str, ...], parts: list):
    run = write(create("mine"), STARTED, RunFinished(outcome="stopped", exit_code=130))
    before = run.recipe_path.read_bytes(), run.events_path.read_bytes()
    assert_mistake(stplay("resume", "mine", *(f"--set={each}" for each in settings)), *parts)
    assert (run.recipe_path.read_bytes(), run.events_path.read_bytes()) == before


def test_a_mistake_in_a_home_that_steers_the_terminal(stplay: Command, tmp_path: Path):
    home = tmp_path / "a\x1b[31mb"
    (home / "data").mkdir(parents=True)
    (home / "data" / "runs").touch()
    done = stplay("train", env={"STPLAY_HOME": str(home)})
    assert_mistake(done, "No run can be made in", "a�[31mb")


def test_without_a_terminal_the_app_does_not_open(stplay: Command):
    assert_mistake(stplay(stdin=subprocess.DEVNULL), "needs a terminal", "stplay train sample")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&-"])
def test_without_input_or_output_the_app_does_not_open(home: Path, closed: str):
    done = subprocess.run(
        ["sh", "-c", f'exec "$0" -m stplay {closed}', sys.executable],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert_mistake(done, "needs a terminal")


# runs


def test_no_runs(stplay: Command):
    done = stplay("runs")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "There are no runs yet; start one with: stplay train sample\n"
    done = stplay("runs", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_runs(stplay: Command, home: Path):
    finished_run("first")
    write(create("second"), RunFinished(outcome="failed", exit_code=1, error="It broke."))
    for number, name in enumerate(("first", "second")):
        events = home / "data" / "runs" / name / "events.jsonl"
        os.utime(events, (number + 1, number + 1))

    done = stplay("runs")
    assert (done.returncode, done.stderr) == (0, "")
    _, second, first = done.stdout.splitlines()
    assert second.split()[:3] == ["second", "✗", "failed"]
    begin = ["first", "✓", "finished", "0", "of", "400", "-", "-", "0.839"]
    assert first.split()[: len(begin)] == begin

    done = stplay("runs", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    second, first = (json.loads(line) for line in done.stdout.splitlines())
    recipe = first.pop("recipe")
    assert recipe["data"]["train"] == "builtin:sample"
    assert first == {
        "run": "first",
        "status": "completed",
        "step": 0,
        "total_steps": 400,
        "dev_max_accuracy": None,
        "test_max_accuracy": 0.839,
        "started": 1_700_000_000.0,
        "error": None,
        "folder": str(home / "data" / "runs" / "first"),
        "diverged": False,
        "synthetic": False,
        "best_dev_accuracy": None,
        "best_dev_step": None,
        "seconds": first["seconds"],
        "disk_bytes": 0,
        "base": "builtin:tiny",
        "data": "builtin:sample",
        "preset": first["preset"],
        "note": "",
        "tags": [],
    }
    assert (second["run"], second["status"], second["error"]) == ("second", "failed", "It broke.")


def test_a_run_that_diverged_is_not_just_finished(stplay: Command):
    run = finished_run("first")
    write(run, CheckpointSaved(step=6250, path="a", kept=1, disk_bytes=1, finite=False), COMPLETED)
    assert "✓ finished, diverged" in stplay("runs").stdout
    told = json.loads(stplay("runs", "--json").stdout)
    assert (told["status"], told["diverged"], told["synthetic"]) == ("completed", True, False)


def test_a_damaged_log_does_not_hide_the_runs(stplay: Command):
    run = finished_run("first")
    with run.events_path.open("ab") as file:
        file.write(b"[" * 100_000 + b"\n\x00\xff\n{torn")
    (create("second").folder / "recipe.toml").write_text("no TOML")
    done = stplay("runs")
    assert (done.returncode, done.stderr) == (0, "")
    assert "first" in done.stdout
    assert "second" in done.stdout


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_signs_that_the_terminal_lacks(stplay: Command, encoding: str):
    finished_run("first")
    done = stplay("runs", env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert "+ finished" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "buffered"),
    [
        (("runs",), True),
        (("runs",), False),
        (("runs", "--json"), True),
        (("runs", "--json"), False),
        (("--help",), True),
    ],
)
def test_a_reader_that_went_away(home: Path, arguments: tuple[str, ...], buffered: bool):
    """Where the output is buffered, as it is by default, only its last flush tells."""
    finished_run("first")
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "stplay", *arguments],
            env=os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"},
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_reads_one_line(home: Path):
    runs = [create(f"run-{number}").id for number in range(3)]
    command = '"$0" -m stplay runs --json | head -1'
    done = subprocess.run(
        ["sh", "-c", command, sys.executable],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["run"] in runs


# stop


@pytest.mark.parametrize(
    ("outcome", "code", "exit_code", "told"),
    [
        ("stopped", 130, 0, "mine: ■ stopped\n"),
        ("completed", 0, 0, "mine: ✓ finished\n"),
        ("failed", 1, 1, "mine: ✗ failed: It �[31mbroke.\n"),
    ],
)
def test_stop_waits_for_the_end(
    stplay: Command, outcome: str, code: int, exit_code: int, told: str
):
    process = start_worker(create("mine"), outcome, code)
    try:
        done = stplay("stop", "mine")
        assert process.wait(timeout=30) == code
    finally:
        process.kill()
    assert (done.returncode, done.stderr) == (exit_code, "")
    first, last = done.stdout.splitlines(keepends=True)
    assert first == "mine: Stopping; there is no step to save yet.\n"
    assert last == told


def test_an_interrupted_wait_leaves_the_run_at_work(home: Path):
    process = start_worker(create("mine"), "deaf")
    command = subprocess.Popen(
        [sys.executable, "-m", "stplay", "stop", "mine"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert command.stdout is not None
        assert command.stdout.readline().startswith(b"mine: Stopping")
        command.send_signal(signal.SIGINT)
        _, errors = command.communicate(timeout=30)
        assert (command.returncode, errors) == (130, b"")
        assert process.poll() is None
    finally:
        command.kill()
        process.kill()
        process.wait()


def test_a_run_elsewhere_is_stopped_elsewhere(stplay: Command):
    worker = worker_of(psutil.Process(), host="gpu\x1b[31m-box")
    run = write(create("mine"), worker, STARTED, Noted(level="info", text="a"))
    assert_mistake(stplay("stop", "mine"), "mine is at work on gpu�[31m-box; stop it there")
    assert_mistake(stplay("resume", "mine"), "at work already")
    assert not (run.folder / "worker.log").exists()
