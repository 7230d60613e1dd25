"""A run on disk: made, followed, stopped, found, and told as dead only when it is."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from runsondisk import COMPLETED, STARTED, create, start_worker, worker_of, write

from stplay.errors import UserError
from stplay.jobs.events import (
    Evaluated,
    Noted,
    RunFinished,
    StageProgressed,
)
from stplay.jobs.job import LAUNCH_SECONDS, is_running
from stplay.runs import recipe
from stplay.runs.recipe import Recipe
from stplay.runs.run import Run
from stplay.runs.runsummary import summary_of
from stplay.text import printable


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """A process that stands for a training process."""
    process = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    yield process
    process.kill()
    process.wait()


# Create


def test_a_run_is_a_folder_with_its_recipe(home: Path):
    run = Run.create(recipe.load("sample"), None, "sample")
    assert run.id == "sample-1"
    assert run.folder == home / "data" / "runs" / "sample-1"
    assert {path.name for path in run.folder.iterdir()} == {"recipe.toml", "events.jsonl"}
    assert run.recipe() == recipe.load("sample")
    assert run.read_log().status == "starting"


def test_the_next_free_number(home: Path):
    assert [create().id for _ in range(3)] == ["sample-1", "sample-2", "sample-3"]
    create("sample-7")
    create("sample-x")
    create("other-9")
    assert create().id == "sample-8"
    assert Run.create(Recipe(), None, "other").id == "other-10"


def test_the_number_of_a_run_that_was_removed_is_never_given_again(home: Path):
    for run in (create("sample-4"), create()):
        shutil.rmtree(run.folder)  # an evaluation may still name it
    assert create().id == "sample-6"
    assert create("sample-4").id == "sample-4", "a name that is asked for is given"


@pytest.mark.parametrize(
    ("stem", "id_"),
    [
        ("my recipe (2)", "my-recipe-2-1"),
        ("../up", "up-1"),
        ("日本", "run-1"),
        ("", "run-1"),
        (".hidden.", "hidden-1"),
        ("x" * 300, "x" * 60 + "-1"),
    ],
)
def test_a_recipes_name_becomes_a_runs_name(home: Path, stem: str, id_: str):
    run = Run.create(Recipe(), None, stem)
    assert run.id == id_
    assert run.folder.parent == home / "data" / "runs"
    assert Run.find(run.id).folder == run.folder


def test_starts_at_one_time_get_numbers_of_their_own(home: Path):
    made: list[str] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        made.append(create().id)

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [f"sample-{number}" for number in range(1, 9)]


def test_two_starts_with_one_name_are_refused(home: Path):
    first = write(create("mine"), Noted(level="info", text="first"))
    with pytest.raises(UserError, match=r"named mine already.*stplay resume mine"):
        create("mine")
    assert len(first.events_path.read_bytes()) > 0

    outcomes: list[str] = []
    barrier = threading.Barrier(8)

    def start() -> None:
        barrier.wait()
        try:
            outcomes.append(create("race").id)
        except UserError:
            outcomes.append("refused")

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["race"] + ["refused"] * 7


@pytest.mark.parametrize(
    "name",
    [
        "../x",
        "..",
        ".",
        "",
        "a/b",
        "/tmp/x",
        "a\\b",
        ".hidden",
        "-x",
        "_x",
        "a b",
        "a\n",
        "ü",
        "a\x1b[31m",
        "x" * 81,
        "a\x00",
    ],
)
def test_an_unfit_name_is_refused(home: Path, name: str):
    before = sorted(home.rglob("*"))
    with pytest.raises(UserError, match="cannot name a run") as told:
        create(name)
    assert printable(str(told.value)) == str(told.value)
    assert [path for path in sorted(home.rglob("*")) if path not in before] == [
        home / "data",
        home / "data" / "runs",
    ]
    with pytest.raises(UserError, match="There is no run"):
        Run.find(name)


def test_a_name_may_be_long_and_have_dots(home: Path):
    for name in ("x" * 80, "a.b_c-1", "7"):
        assert Run.find(create(name).id).id == name


@pytest.mark.parametrize("blocked", ["data", "data/runs"])
def test_no_room_for_runs(home: Path, blocked: str):
    (home / blocked).parent.mkdir(exist_ok=True)
    (home / blocked).touch()
    for name in (None, "mine"):
        with pytest.raises(UserError, match="No run can be made in"):
            create(name)


# Find and list


def test_find_names_what_is_there(home: Path):
    with pytest.raises(UserError, match=r"no run 'mine'\. There are no runs yet\."):
        Run.find("mine")
    for number in range(7):
        os.utime(create(f"run-{number}").events_path, (number, number))
    with pytest.raises(UserError, match=r"newest: run-6, run-5, run-4, run-3, run-2\."):
        Run.find("mine")
    assert Run.find("run-0").folder == home / "data" / "runs" / "run-0"
    for name in ("../runs/run-0", "run-0/", "./run-0", str(home / "data" / "runs" / "run-0")):
        with pytest.raises(UserError, match="There is no run"):
            Run.find(name)


def test_every_run_the_last_changed_first(home: Path):
    assert Run.every() == []
    for name, changed in (("a", 20), ("b", 30), ("c", 10)):
        os.utime(create(name).events_path, (changed, changed))
    folder = home / "data" / "runs"
    (folder / "no-run").mkdir()
    (folder / "file").touch()
    (folder / "un\x1b[31mfit").mkdir()
    (folder / "un\x1b[31mfit" / "events.jsonl").touch()
    assert [run.id for run in Run.every()] == ["b", "a", "c"]
    write(Run(folder / "c"), COMPLETED)
    assert [run.id for run in Run.every()] == ["c", "b", "a"]


def test_a_summary(home: Path, sleeper: subprocess.Popen[bytes]):
    run = create("mine")
    summary = summary_of(run)
    assert (summary.run, summary.folder) == ("mine", str(run.folder))
    assert (summary.status, summary.step) == ("starting", 0)
    assert (summary.total_steps, summary.started, summary.error) == (None, None, None)
    assert (summary.dev_max_accuracy, summary.test_max_accuracy) == (None, None)

    accuracies = dict.fromkeys(
        ["cosine_accuracy", "dot_accuracy", "manhattan_accuracy", "euclidean_accuracy"], 0.5
    )
    worker = worker_of(psutil.Process(sleeper.pid))
    write(
        run,
        worker,
        STARTED,
        StageProgressed(stage="training", done=100, total=400),
        Evaluated(
            step=100, epoch=0.25, split="dev", data="d", rows=1, max_accuracy=0.75, **accuracies
        ),
        Evaluated(
            step=100, epoch=0.25, split="test", data="t", rows=1, max_accuracy=0.625, **accuracies
        ),
    )
    summary = summary_of(run)
    assert (summary.status, summary.step, summary.total_steps) == ("running", 100, 400)
    assert (summary.dev_max_accuracy, summary.test_max_accuracy) == (0.75, 0.625)
    assert summary.started == worker.time
    write(run, RunFinished(outcome="failed", exit_code=1, error="It broke."))
    assert (summary_of(run).status, summary_of(run).error) == ("failed", "It broke.")


def test_a_log_larger_than_a_piece_is_folded_whole(home: Path):
    run = create()
    filling = "x" * 100_000
    write(run, *(Noted(level="info", text=f"{n} {filling}") for n in range(60)), COMPLETED)
    assert run.events_path.stat().st_size > 1 << 22
    log = run.read_log()
    assert len(log.notes) == 60
    assert log.status == "completed"


def test_the_model_is_there_once_it_is_whole(home: Path):
    run = create("mine")
    with pytest.raises(UserError, match="stplay resume mine"):
        run.model_folder()
    (run.folder / "model.partial").mkdir()
    with pytest.raises(UserError, match="no final model"):
        run.model_folder()
    (run.folder / "model").mkdir()
    assert run.model_folder() == run.folder / "model"


# Dead or alive


def test_a_killed_process_is_told(home: Path, sleeper: subprocess.Popen[bytes]):
    run = write(create("mine"), worker_of(psutil.Process(sleeper.pid)), STARTED)
    before = run.read_log()
    assert before.status == "running"
    sleeper.send_signal(signal.SIGKILL)
    if hasattr(os, "waitid"):
        # Dead, and not yet asked for by its parent: a zombie.
        os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    else:
        sleeper.wait()
    for _ in ("zombie", "gone"):
        log = run.read_log()
        assert log.status == "failed"
        assert log.error is not None
        assert "killed" in log.error
        assert "stplay resume mine" in log.error
        sleeper.wait()
    run.check_worker(before)
    assert before.status == "failed"
    run.check_resumable()
    assert not run.request_stop()


def test_a_process_killed_before_its_first_step_is_told(
    home: Path, sleeper: subprocess.Popen[bytes]
):
    run = write(create(), worker_of(psutil.Process(sleeper.pid)))
    assert run.read_log().status == "starting"
    sleeper.kill()
    sleeper.wait()
    assert run.read_log().status == "failed"


def test_a_process_that_had_its_last_word_was_not_killed(
    home: Path, sleeper: subprocess.Popen[bytes]
):
    run = write(create(), worker_of(psutil.Process(sleeper.pid)), STARTED)
    log = run.read_log()
    # Between the last look at the log and the look at the process, it ends.
    write(run, COMPLETED)
    sleeper.kill()
    sleeper.wait()
    run.check_worker(log)
    assert log.status == "running", "a run that finished was told as killed"
    assert run.read_log().status == "completed"


def test_a_process_that_has_a_successor_is_not_missed(home: Path, sleeper: subprocess.Popen[bytes]):
    run = write(create(), worker_of(psutil.Process(sleeper.pid)), STARTED)
    log = run.read_log()
    sleeper.kill()
    sleeper.wait()
    write(run, worker_of(psutil.Process()))
    run.check_worker(log)
    assert log.active
    assert run.read_log().active


def test_another_process_under_the_same_number_is_not_ours(
    home: Path, sleeper: subprocess.Popen[bytes]
):
    worker = worker_of(psutil.Process(sleeper.pid))
    worker.process_started -= 100
    run = write(create(), worker, STARTED)
    assert run.read_log().status == "failed"
    assert not run.request_stop()
    run.check_resumable()
    assert sleeper.poll() is None, "a stranger was stopped"
    assert is_running(sleeper.pid, worker.process_started + 100, run.folder)
    assert not is_running(sleeper.pid, worker.process_started, run.folder)


def test_a_clock_that_was_set_does_not_kill_a_run(home: Path):
    run = create()
    command = [sys.executable, "-c", "import time; time.sleep(60)", str(run.folder)]
    with subprocess.Popen(command) as process:
        while str(run.folder) not in psutil.Process(process.pid).cmdline():
            assert process.poll() is None  # its command line is empty for a moment
        worker = worker_of(psutil.Process(process.pid))
        worker.process_started -= 100
        assert write(run, worker, STARTED).read_log().status == "running"
        process.kill()
    assert run.read_log().status == "failed"


def test_a_process_elsewhere_is_not_told_as_dead(home: Path, sleeper: subprocess.Popen[bytes]):
    worker = worker_of(psutil.Process(sleeper.pid), host="else\x1b[31mwhere")
    sleeper.kill()
    sleeper.wait()
    run = write(create("mine"), worker, STARTED)
    assert run.read_log().status == "running"
    with pytest.raises(UserError, match="mine is at work on else") as told:
        run.request_stop()
    assert printable(str(told.value)) == str(told.value)
    with pytest.raises(UserError, match="at work already"):
        run.check_resumable()


def test_a_process_that_never_came(home: Path):
    run = create()
    assert run.read_log().status == "starting"
    late = time.time() - LAUNCH_SECONDS - 1
    os.utime(run.events_path, (late, late))
    log = run.read_log()
    assert log.status == "failed"
    assert log.error is not None
    assert "never started" in log.error
    assert not run.request_stop()


# Stop, resume


def test_a_stop_asks_the_process_to_end(home: Path):
    run = create("mine")
    process = start_worker(run, "stopped", 130)
    try:
        with pytest.raises(UserError, match="mine is at work already"):
            run.check_resumable()
        assert run.request_stop()
        assert process.wait(timeout=30) == 130
    finally:
        process.kill()
    assert run.read_log().status == "stopped"
    assert not run.request_stop()
    run.check_resumable()


def test_a_stop_of_a_run_that_is_not_at_work(home: Path):
    assert not create().request_stop()
    assert not write(create(), COMPLETED).request_stop()


def test_what_can_be_resumed(home: Path):
    for finished in (
        RunFinished(outcome="stopped", exit_code=130),
        RunFinished(outcome="failed", exit_code=1, error="no"),
    ):
        write(create(), finished).check_resumable()
    run = write(create("done"), COMPLETED)
    with pytest.raises(UserError, match="done has finished") as told:
        run.check_resumable()
    assert str(run.folder / "model") in str(told.value)
    with pytest.raises(UserError, match="at work already"):
        create().check_resumable()


def test_a_recipe_that_was_damaged_is_told(home: Path):
    run = create("mine")
    run.recipe_path.write_text("[training]\nseed = -1\n")
    with pytest.raises(UserError, match=r"training\.seed = -1"):
        run.recipe()
    run.recipe_path.unlink()
    with pytest.raises(UserError, match=r"has no recipe\.toml"):
        run.recipe()
