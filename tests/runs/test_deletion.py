"""Runs are deleted wholly and only on purpose, and the name of one that never began is free."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest
from conftest import Command
from filelock import FileLock
from mistakes import assert_mistake
from runsondisk import STARTED, create, worker_of, write
from samplerun import finished_run
from terminal import Terminal

from stplay.errors import UserError
from stplay.jobs import folders
from stplay.jobs.events import RunFinished
from stplay.jobs.job import LAUNCH_SECONDS, LOCK
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run

FAILED = RunFinished(outcome="failed", exit_code=1, error="It could not start.")


def fill(run: Run) -> Run:
    """Give the run a checkpoint of 3 MiB."""
    checkpoint = run.folder / "checkpoints" / "checkpoint-300"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_bytes(b"x" * (3 << 20))
    return run


def names(home: Path) -> set[str]:
    return {path.name for path in (home / "data" / "runs").iterdir()}


def test_without_a_terminal_it_wants_a_yes(stplay: Command, home: Path) -> None:
    run, other = fill(finished_run("mine")), finished_run("other")
    assert_mistake(stplay("delete", "mine"), "Nothing was deleted", "stplay delete --yes mine")
    assert run.folder.is_dir()
    done = stplay("delete", "--yes", "mine")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "mine: deleted, 3.0 MiB freed\n"
    assert names(home) == {"other"}
    assert other.read_log().status == "completed"
    assert_mistake(stplay("delete", "--yes", "mine"), "There is no run 'mine'")


@pytest.mark.parametrize(
    ("answer", "deleted"), [("y", True), ("YES", True), ("", False), ("n", False)]
)
def test_at_a_terminal_it_asks(home: Path, answer: str, deleted: bool) -> None:
    runs_ = [finished_run(name) for name in ("one", "two")]
    with Terminal("delete", "one", "two", "one", size=(100, 10)) as terminal:
        terminal.wait_for("Delete one two, with all checkpoints and models? [y/N]")
        terminal.type(f"{answer}\r")
        assert terminal.wait_for_end() == 0
        assert ("Nothing was deleted." in terminal.text) != deleted
        assert ("two: deleted" in terminal.text) == deleted
    assert [run.folder.exists() for run in runs_] == [not deleted] * 2


def test_what_is_not_answered_is_not_deleted(home: Path) -> None:
    run = finished_run("one")
    for key, code in (("\x03", 130), ("\x04", 0)):
        with Terminal("delete", "one", size=(100, 10)) as terminal:
            terminal.wait_for("[y/N]")
            terminal.type(key)
            assert terminal.wait_for_end() == code
    assert run.folder.is_dir()


def test_one_at_work_is_never_deleted_and_the_others_stay_with_it(
    stplay: Command, home: Path
) -> None:
    done = finished_run("done")
    working = write(create("mine"), worker_of(psutil.Process()), STARTED)
    elsewhere = write(create("far"), worker_of(psutil.Process(), host="gpu-box"), STARTED)
    for name, told in (
        ("mine", "The run mine is at work; first: stplay stop mine"),
        ("far", "The run far is at work on gpu-box; stop it there first."),
    ):
        assert_mistake(stplay("delete", "--yes", "--force", "done", name), told)
    starting = create("new")
    assert_mistake(stplay("delete", "--yes", "new"), "The run new is at work")
    for run in (done, working, elsewhere, starting):
        assert run.folder.is_dir()


def test_one_that_somebody_holds_is_not_deleted(home: Path) -> None:
    run = finished_run("mine")
    with FileLock(run.folder / LOCK), pytest.raises(UserError, match="mine is at work"):
        run.delete()
    assert run.folder.is_dir()
    run.delete()
    assert names(home) == set()


def test_what_is_read_only_or_damaged_goes_too(stplay: Command, home: Path) -> None:
    run = fill(finished_run("mine"))
    outside = home / "outside"
    outside.mkdir()
    (outside / "precious").touch()
    (run.folder / "link").symlink_to(outside)
    for path in (run.folder / "checkpoints" / "checkpoint-300", run.folder / "checkpoints"):
        path.chmod(0o500)
    no_log = fill(create("no-log"))
    no_log.events_path.unlink()
    os.utime(no_log.folder, (1, 1))
    (home / "data" / "runs" / "linked").symlink_to(outside)
    done = stplay("delete", "--yes", "mine", "no-log")
    assert done.returncode == 0, done.stderr
    assert names(home) == {"linked"}
    assert (outside / "precious").is_file()
    assert outside.stat().st_mode & 0o777 != 0o700


@pytest.mark.parametrize("name", ["..", ".", "", "../runs", "a/b", ".names.lock", "\x1b[31m"])
def test_only_runs_are_deleted(stplay: Command, home: Path, name: str) -> None:
    finished_run("mine")
    assert_mistake(stplay("delete", "--yes", "--", name), "There is no run")
    assert names(home) == {"mine"}


# The name of a run that never began


def test_the_name_of_one_that_never_began_is_free(home: Path) -> None:
    write(create("mine"), FAILED)
    assert Run.create(Recipe(), "mine", "sample").read_log().status == "starting"
    with pytest.raises(UserError, match="mine already"):  # it is about to begin
        create("mine")
    late = time.time() - LAUNCH_SECONDS - 1
    os.utime(Run(home / "data" / "runs" / "mine").events_path, (late, late))
    create("mine")
    (home / "data" / "runs" / "mine" / "events.jsonl").unlink()
    with pytest.raises(UserError, match="mine already"):  # another start may be making it
        create("mine")
    os.utime(home / "data" / "runs" / "mine", (late, late))
    create("mine")


@pytest.mark.parametrize("kept", ["model", "checkpoints", "anything"])
def test_a_folder_with_work_in_it_is_never_free(home: Path, kept: str) -> None:
    run = write(create("mine"), FAILED)
    (run.folder / kept).mkdir()
    with pytest.raises(UserError, match=r"mine already.*stplay delete mine"):
        create("mine")
    run.events_path.unlink()
    os.utime(run.folder, (1, 1))
    with pytest.raises(UserError, match="mine already"):
        create("mine")
    assert (run.folder / kept).is_dir()


def test_the_name_of_one_that_met_a_mistake_before_it_began_is_free(home: Path) -> None:
    mistake = RunFinished(outcome="failed", exit_code=2, error="There is no such file.")
    write(create("mine"), worker_of(psutil.Process()), mistake)
    assert create("mine").read_log().status == "starting"


def test_the_name_of_one_that_began_is_taken(home: Path) -> None:
    run = write(create("mine"), worker_of(psutil.Process()), FAILED)
    with pytest.raises(UserError, match="mine already"):
        create("mine")
    assert run.read_log().error == "It could not start."


def test_a_recipe_that_cannot_be_written_leaves_no_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(UserError, match=r"No run can be made in .*No space left"):
            create("mine")
    assert names(home) == set()
    create("mine")


def test_what_cannot_be_removed_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = finished_run("mine")

    def refuse(*_: object) -> None:
        raise OSError(16, "Device or resource busy")

    with monkeypatch.context() as patch:
        patch.setattr(folders.shutil, "rmtree", refuse)
        with pytest.raises(UserError, match=r"cannot be removed: Device or resource busy\."):
            run.delete()
    assert Run.every() == []
    assert names(home) != set()
    finished_run("other").delete()
    assert names(home) == set(), "the next deletion removes what was left"
