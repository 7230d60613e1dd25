"""The training process, run for real: to its end, stopped, killed, and resumed."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
from conftest import run_stplay
from runner import (
    events_of,
    figures,
    logged,
    saved,
    small_recipe,
    start,
    wait_for,
    wait_until_over,
)

from stplay.jobs import events
from stplay.jobs.follower import Follower
from stplay.runs.run import Run
from stplay.runs.runsummary import summary_of
from stplay.similarities import SIMILARITIES


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One home for the runs of this module."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STPLAY_HOME", str(home))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small recipe's data."""
    return tmp_path_factory.mktemp("animals")


@pytest.fixture(scope="module")
def finished(home: Path, data: Path) -> tuple[Run, str]:
    """A run that went to its end, and what ``--json`` printed meanwhile."""
    done = run_stplay(
        *small_recipe(data, training__bf16="true"),
        "--name=finished",
        "--json",
        env={"STPLAY_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr
    return Run(home / "data" / "runs" / "finished"), done.stdout


def test_json_prints_the_event_log_as_it_stands(finished: tuple[Run, str]) -> None:
    run, printed = finished
    assert printed == run.events_path.read_text(encoding="utf-8")


def test_every_event_exists_in_its_order(finished: tuple[Run, str]) -> None:
    names = [type(event).__name__ for event in events_of(finished[0])]
    assert names[0] == "WorkerStarted"
    names.remove("MachineFound")  # which another thread tells, once
    assert names[1] == "StageProgressed"
    assert names[-1] == "RunFinished"
    assert "MachineFound" not in names
    assert {"SystemSampled", "CheckpointSaved", "Noted", "TrainLogged"} <= set(names)
    assert names.index("RunStarted") < names.index("Evaluated") < names.index("TrainLogged")


def test_work_is_told_from_the_first_second(finished: tuple[Run, str]) -> None:
    worker, stage = events_of(finished[0])[:2]
    assert isinstance(worker, events.WorkerStarted)
    assert stage.time - worker.time < 0.5
    stages = [e.stage for e in events_of(finished[0]) if isinstance(e, events.StageProgressed)]
    for begin in ("importing torch", "reading", "training the tokenizer", "building", "saving"):
        assert any(stage.startswith(begin) for stage in stages), begin


def test_run_started_tells_precision_instead_of_hiding_it(finished: tuple[Run, str]) -> None:
    log = finished[0].read_log()
    assert log.started is not None
    assert log.started.precision == "float32"
    assert log.started.device.startswith("CPU")
    assert log.started.total_steps == 24
    assert log.started.rows == {"train": 80, "dev": 24, "test": 24}
    assert any(
        "bf16 needs a CUDA GPU; the training runs in float32" in note.text for note in log.notes
    )


def test_the_log_has_the_cards_rows(finished: tuple[Run, str]) -> None:
    log = finished[0].read_log()
    assert [row.step for row in log.table()] == [0, 4, 8, 12, 16, 20, 24]
    assert log.started is not None
    first, last = log.table()[0], log.table()[-1]
    assert first.training_loss is None
    assert first.loss is not None
    assert first.loss > 1  # a blank model knows nothing
    assert last.test_max_accuracy is not None
    dev = log.evaluations["dev", 8]
    accuracies = [getattr(dev, f"{name}_accuracy") for name in SIMILARITIES]
    assert dev.max_accuracy == max(accuracies)
    assert (dev.data, dev.rows) == (
        f"{log.started.recipe['data']['dev'].rsplit('/', 1)[1]}-dev",
        24,
    )


def test_newest_two_checkpoints_are_whole_and_older_ones_bare(finished: tuple[Run, str]) -> None:
    folder = finished[0].folder / "checkpoints"
    whole = {path.name: (path / "optimizer.pt").exists() for path in folder.glob("checkpoint-*")}
    assert whole == {"checkpoint-12": False, "checkpoint-18": True, "checkpoint-24": True}
    assert (folder / "checkpoint-12" / "model.safetensors").exists()
    last = finished[0].read_log().checkpoint
    assert last is not None
    assert last.kept == 3
    assert last.disk_bytes == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def test_final_model_and_bare_checkpoint_load_by_plain_library(finished: tuple[Run, str]) -> None:
    from sentence_transformers import SentenceTransformer

    run = finished[0]
    for folder in (run.model_folder(), run.folder / "checkpoints" / "checkpoint-12"):
        model = SentenceTransformer(str(folder), device="cpu")
        assert model.encode(["A cat sleeps."]).shape == (1, 384)
        assert model.max_seq_length == 512
    card = (run.model_folder() / "README.md").read_text(encoding="utf-8")
    assert "CachedMultipleNegativesRankingLoss" in card
    assert "cosine_accuracy" in card
    assert "name: Triplet" in card


def test_stop_saves_and_resume_equals_an_uninterrupted_run(
    finished: tuple[Run, str], data: Path
) -> None:
    run = start(small_recipe(data), "stopped")
    wait_for(run, logged(8))
    stopped = run_stplay("stop", "stopped")
    assert stopped.returncode == 0, stopped.stderr
    log = run.read_log()
    assert log.status == "stopped"
    assert log.finished is not None
    assert log.finished.exit_code == 130
    assert log.checkpoint is not None
    assert 8 <= log.checkpoint.step < 24

    resumed = run_stplay("resume", "stopped")
    assert resumed.returncode == 0, resumed.stderr
    assert f"resumed after step {log.checkpoint.step}" in resumed.stdout
    assert figures(run) == figures(finished[0])
    weights = [
        (each.model_folder() / "model.safetensors").read_bytes() for each in (run, finished[0])
    ]
    assert weights[0] == weights[1]
    for path in run.folder.rglob("README.md"):
        card = path.read_text(encoding="utf-8")
        assert str(run.folder) not in card
        assert str(data) not in card
    again = run_stplay("resume", "stopped")
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "has finished" in again.stderr


def test_killed_process_is_told_as_failed_and_resumes(
    finished: tuple[Run, str], data: Path
) -> None:
    run = start(small_recipe(data), "killed")
    wait_for(run, saved(12))
    worker = run.read_log().worker
    assert worker is not None
    os.kill(worker.pid, signal.SIGKILL)
    wait_until_over(run)
    log = run.read_log()
    assert log.status == "failed"
    assert "stplay resume killed" in str(log.error)

    # What was being written when the process died: half a checkpoint, half a line.
    partial = run.folder / "checkpoints" / "checkpoint-23"
    partial.mkdir(exist_ok=True)
    (partial / "model.safetensors").write_bytes(b"half")
    with run.events_path.open("ab") as file:
        file.write(b'{"type":"TrainLogged","step":99')
    resumed = run_stplay("resume", "killed", "--set", "training.save_total_limit=2")
    assert resumed.returncode == 0, resumed.stderr
    assert "The recipe was changed: training.save_total_limit: 3 then, 2 now." in resumed.stdout
    assert run.recipe().training.save_total_limit == 2
    assert figures(run) == figures(finished[0])
    assert run.read_log().damaged == 1


def test_interrupt_saves_a_checkpoint_and_exits_with_130(home: Path, data: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "stplay", *small_recipe(data, training__max_steps="4000")]
    with subprocess.Popen(
        [*command, "--name=interrupted"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("step 4 "):
                process.send_signal(signal.SIGINT)
                break
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "saving a checkpoint" in complaint
    log = Run.find("interrupted").read_log()
    assert log.status == "stopped"
    assert log.checkpoint is not None
    assert log.checkpoint.step >= 4


def test_training_outlives_the_terminal_it_was_started_from(home: Path, data: Path) -> None:
    import subprocess
    import sys

    command = [sys.executable, "-m", "stplay", *small_recipe(data)]
    with subprocess.Popen(
        [*command, "--name=left"], stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        while b"importing" not in process.stdout.readline():
            pass
        os.killpg(process.pid, signal.SIGHUP)
    run = Run.find("left")
    wait_until_over(run)
    assert run.read_log().status == "completed"


@pytest.mark.parametrize("engine", ["fast", "stock"])
def test_a_loss_that_is_not_finite_is_told(home: Path, data: Path, engine: str) -> None:
    changes = {"training.learning_rate": "1e38", "evaluation.eval_strategy": "no"}
    made = small_recipe(data, training__engine=engine, **changes)
    done = run_stplay(*made, f"--name=diverged-{engine}", env={"STPLAY_HOME": str(home)})
    assert done.returncode == 0, done.stderr
    assert "completed, diverged" in done.stdout
    run = Run.find(f"diverged-{engine}")
    assert (summary_of(run).diverged, summary_of(run).state) == (True, "✓ finished, diverged")
    card = (run.model_folder() / "README.md").read_text(encoding="utf-8")
    assert "logging_nan_inf_filter: False" not in card
    told = events_of(run)
    losses = [event.loss for event in told if isinstance(event, events.TrainLogged)]
    assert losses[-1] is None
    notes = [event.text for event in told if isinstance(event, events.Noted)]
    assert any("is not finite" in note for note in notes)
    assert "The training has diverged" in notes[-1]


def test_users_mistake_ends_in_one_sentence_and_exit_code_2(home: Path, tmp_path: Path) -> None:
    recipe = small_recipe(tmp_path / "few", training__per_device_train_batch_size="81")
    failed = run_stplay(*recipe, "--name=few")
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1
    assert "A batch of 81 is larger than the 80 triplets" in failed.stderr
    assert "Traceback" not in failed.stdout + failed.stderr


def test_a_mistake_in_the_data_costs_no_import_and_leaves_no_name_taken(
    home: Path, tmp_path: Path
) -> None:
    recipe = small_recipe(tmp_path / "data")
    dev = tmp_path / "data" / "dev.jsonl"
    good = dev.read_text()
    dev.write_text('{"anchor": "a", "negative": "b"}\n' + good)
    failed = run_stplay(*recipe, "--name=mine", "--json")
    assert failed.returncode == 2
    assert "lacks the column positive; it has anchor, negative." in failed.stderr
    assert "reading data-dev" in failed.stdout
    assert "importing" not in failed.stdout
    assert not (home / "runs" / "mine").exists()
    # One that nobody waited for is listed with what was wrong, and its name is free all the same.
    assert run_stplay(*recipe, "--name=mine", "--detach").returncode == 0
    run = Run.find("mine")
    assert "lacks the column" in str(Follower(run).await_end().error)
    run.await_exit()
    dev.write_text(good)
    done = run_stplay(*recipe, "--name=mine")
    assert (done.returncode, Run.find("mine").read_log().status) == (0, "completed"), done.stderr


def test_two_starts_with_one_name(finished: tuple[Run, str], data: Path) -> None:
    before = finished[0].events_path.read_bytes()
    second = run_stplay(*small_recipe(data), "--name=finished")
    assert second.returncode == 2
    assert "There is a run named finished already" in second.stderr
    assert finished[0].events_path.read_bytes() == before


def test_second_process_on_one_run_gives_way(finished: tuple[Run, str]) -> None:
    import subprocess
    import sys

    from filelock import FileLock

    run = finished[0]
    before = run.events_path.read_bytes()
    with FileLock(run.folder / "worker.lock"):
        second = subprocess.run(
            [sys.executable, "-m", "stplay.engine.train", str(run.folder)],
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert second.returncode == 2
    assert "Another process is at work on finished" in second.stderr
    assert run.events_path.read_bytes() == before


def test_real_triplets_train_a_model_with_a_vocabulary_of_their_own(home: Path, snli: Path) -> None:
    settings = {
        "data.train": snli / "dev.jsonl",
        "data.dev": "",
        "data.test": snli / "test.jsonl",
        "data.test_rows": 300,
        "training.max_steps": 40,
    }
    recipe = ["train", "sample", *(f"--set={name}={value}" for name, value in settings.items())]
    trained = run_stplay(*recipe, "--name=real")
    assert trained.returncode == 0, trained.stderr
    log = Run.find("real").read_log()
    assert log.started is not None
    assert not log.started.synthetic
    accuracy = log.evaluations["test", 40].cosine_accuracy
    assert accuracy is not None
    assert accuracy > 0.7  # an untrained one has about 0.55


def test_a_run_that_died_after_saving_its_model_can_still_finish(
    finished: tuple[Run, str], home: Path
) -> None:
    run = Run(home / "data" / "runs" / "almost")
    shutil.copytree(finished[0].folder, run.folder)
    lines = run.events_path.read_bytes().splitlines(keepends=True)
    run.events_path.write_bytes(b"".join(lines[:-1]))
    wait_until_over(run)  # the process may still be on its way out
    assert run.read_log().status == "failed"
    resumed = run_stplay("resume", "almost")
    assert resumed.returncode == 0, resumed.stderr
    assert figures(run) == figures(finished[0])


def test_the_working_folder_shadows_no_library(home: Path, data: Path, tmp_path: Path) -> None:
    (tmp_path / "datasets.py").write_text("raise SystemExit('shadowed')\n", encoding="utf-8")
    recipe = small_recipe(data, training__max_steps="1", data__dev="", data__test="")
    done = run_stplay(*recipe, "--name=shadow", cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_stop_right_after_the_start_is_heeded(home: Path, data: Path) -> None:
    run = start(small_recipe(data), "hasty")
    stopped = run_stplay("stop", "hasty")
    assert stopped.returncode == 0, stopped.stderr
    assert run.read_log().status == "stopped"
    resumed = run_stplay("resume", "hasty", "--detach")
    assert resumed.returncode == 0, resumed.stderr
    assert run.read_log().active
    again = run_stplay("stop", "hasty")
    assert again.returncode == 0, again.stderr
