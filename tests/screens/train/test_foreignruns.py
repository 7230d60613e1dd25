"""Runs that another program trains, and tells of by the callback: they have no recipe of ours."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace
from piloting import until
from runner import events_of

from stplay.errors import UserError
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import (
    ControlAsked,
    Event,
    MetricsLogged,
    RunStarted,
    StageProgressed,
    TrainLogged,
    WorkerStarted,
)
from stplay.runs import overview, recipe
from stplay.runs.run import Run
from stplay.runs.series import TRAINING_STAGE
from stplay.runs.traininglog import TrainingLog
from stplay.screens.app import StplayApp
from stplay.screens.train.trainscreen import TrainScreen

STARTED = RunStarted(
    recipe={
        "data": {"train": "unknown", "dev": "unknown"},
        "training": {"learning_rate": 0.1},
        "evaluation": {"probes": []},
    },
    base="unknown",
    device="CPU",
    precision="float32",
    versions={},
    rows={"train": 60},
    total_steps=20,
    parameters=9,
    foreign=True,
)
FIGURES: list[Event] = [
    StageProgressed(stage=TRAINING_STAGE, total=20, unit="steps"),
    TrainLogged(step=5, epoch=0.5, loss=3.5, learning_rate=0.1, gradient_norm=1.0),
    TrainLogged(step=10, epoch=1.0, loss=2.5, learning_rate=0.05, gradient_norm=1.0),
    MetricsLogged(step=10, epoch=1.0, values={"eval_runtime": 1.5, "eval_a_map": 0.25}),
    MetricsLogged(step=10, epoch=1.0, values={"eval_loss": None, "eval_b_ndcg@10": 0.5}),
]
COLUMNS = ("eval_loss", "eval_a_map", "eval_b_ndcg@10", "eval_runtime")


def at_work(process: psutil.Process, *, processes: int = 1) -> Run:
    """A run of a program that is at work."""
    run = Run.create(None, None, "theirs")
    writer = EventWriter(run.events_path)
    started = process.create_time()
    writer.write(WorkerStarted(host=platform.node(), pid=process.pid, process_started=started))
    for event in [replace(STARTED, processes=processes), *FIGURES]:
        writer.write(event)
    writer.close()
    return run


def test_the_columns_are_what_was_measured() -> None:
    log = TrainingLog()
    log.fold([STARTED, *FIGURES])
    assert log.headings() == ("Epoch", "Step", "Training Loss", *COLUMNS)
    assert log.lines() == [
        ("0.500", "5", "3.5000", "-", "-", "-", "-"),
        ("1.000", "10", "2.5000", "nan", "0.2500", "0.5000", "1.5000"),
    ]
    assert log.lines(1) == log.lines()[1:]
    facts = {
        each.name: str(each) for part in overview.overview("", Path(), log) for each in part.facts
    }
    assert facts["train"] == "unknown"
    assert facts["learning_rate"] == "0.1", "nothing is told to be a default"
    assert "scale" not in facts


def test_it_is_asked_for_a_stop_and_never_sent_a_signal(home: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as program:
        run = at_work(psutil.Process(program.pid))
        log = run.read_log()
        assert (log.status, log.can_evaluate) == ("running", True)
        run.ask("checkpoint", log)
        assert run.request_stop()
        assert run.request_stop(), "asked once, it is not asked again"
        asked = [each.control for each in events_of(run) if isinstance(each, ControlAsked)]
        assert asked == ["checkpoint", "stop"]
        with pytest.raises(UserError, match="is at work already"):
            run.check_resumable()
        several = at_work(psutil.Process(program.pid), processes=2)
        for ask in (several.request_stop, lambda: several.ask("checkpoint", several.read_log())):
            with pytest.raises(UserError, match="in several processes"):
                ask()
        assert program.poll() is None
        program.communicate(b"\n")
    assert program.returncode == 0
    assert run.read_log().status == "failed"
    assert "to go on, start its program again" in (run.read_log().error or "")
    for refused in (
        run.check_resumable,
        run.recipe,
        lambda: recipe.load(f"run:{run.id}"),
        run.model_folder,
    ):
        with pytest.raises(UserError, match="another program trains it"):
            refused()


def test_what_another_program_saved_outlives_the_run(home: Path, tmp_path: Path) -> None:
    saved = tmp_path / "output" / "checkpoint-5" / "model.safetensors"
    saved.parent.mkdir(parents=True)
    saved.write_bytes(b"weights")
    run = Run.create(None, None, "theirs")
    (run.folder / "checkpoints").symlink_to(tmp_path / "output", target_is_directory=True)
    run.delete()
    assert not run.folder.exists()
    assert saved.read_bytes() == b"weights"


async def test_the_app_shows_it_and_says_why_it_cannot_go_on(home: Path) -> None:
    run = at_work(psutil.Process())
    app = StplayApp()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = app.screen
        assert isinstance(screen, TrainScreen)
        await screen.show_run(run)
        view = screen._view
        assert view is not None
        await until(lambda: view.table.row_count == 2)
        assert [title for title, _ in view.table.columns][3:] == [*COLUMNS]
        assert view.table.cells(1)[3:] == ["nan", "0.2500", "0.5000", "1.5000"]
        assert view.can_do("evaluation")
        await pilot.press("l")
        words = "Another program trains this run"
        await until(lambda: any(words in line.text for line in view.worker_log.lines))
        writer = EventWriter(run.events_path)
        writer.write(MetricsLogged(step=20, epoch=2.0, values={"eval_c": 1.0}))
        writer.close()
        await until(lambda: view.table.row_count == 3)
        assert view.table.cells(2)[-2:] == ["1.0000", "-"]
