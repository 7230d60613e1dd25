"""``stplay.StplayCallback``: a run of anybody's training, which does nothing to the training."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from anyonestrainer import STEPS, At, trainer, weights
from checkout import SUPPORT
from conftest import run_stplay, write_triplets
from fasttraining import FastTraining
from runner import events_of
from smallmodels import small_model
from torch import nn
from transformers import Trainer, TrainingArguments

import stplay
from stplay.encoding.probelog import ProbeLog
from stplay.engine.training.callback import EventCallback
from stplay.engine.training.scriptprobes import ScriptProbes
from stplay.engine.training.trainingrecorder import TrainingRecorder
from stplay.engine.worker import controls
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs import folders
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import (
    CheckpointSaved,
    ControlAnswered,
    MachineFound,
    MetricsLogged,
    Noted,
    ProbesEncoded,
    RunStarted,
    SystemSampled,
    TrainLogged,
)
from stplay.runs import overview
from stplay.runs.run import Run


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The weights and the history of the training that nobody watches."""
    trained = trainer(tmp_path_factory.mktemp("alone"))
    trained.train()
    return weights(trained), trained.state.log_history


def assert_same_weights(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


TIMES = re.compile(r"runtime|per_second")


def rows(history: list[dict[str, Any]]) -> list[tuple[int, str, float]]:
    """What a Trainer remembers, but for its clock."""
    return sorted(
        (entry["step"], name, value)
        for entry in history
        for name, value in entry.items()
        if name not in ("step", "epoch") and not TIMES.search(name)
    )


def told_rows(run: Run) -> list[tuple[int, str, float]]:
    """What a run tells of the same."""
    found = []
    for event in events_of(run):
        if isinstance(event, TrainLogged):
            found += [
                (event.step, "loss", event.loss),
                (event.step, "learning_rate", event.learning_rate),
                (event.step, "grad_norm", event.gradient_norm),
            ]
        elif isinstance(event, MetricsLogged):
            found += [(event.step, *each) for each in event.values.items()]
    return sorted(each for each in found if not TIMES.search(each[1]))


def test_a_run_tells_all_that_the_trainer_remembers_and_changes_nothing(
    home: Path, tmp_path: Path, alone: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    watched = trainer(
        tmp_path, [stplay.StplayCallback(note="by hand #mine", probes=["a cat", "a"])]
    )
    watched.train()
    expected, history = alone
    assert_same_weights(weights(watched), expected)
    assert rows(watched.state.log_history) == rows(history)
    run = Run.find("output-1")
    assert "see it live with: stplay watch output-1" in capsys.readouterr().err
    assert told_rows(run) == rows(history)
    names = {name for _, name, _ in told_rows(run)}
    assert {"eval_dev_cosine_accuracy", "eval_sts_spearman_cosine", "eval_loss"} <= names

    events, log = events_of(run), run.read_log()
    assert (log.status, log.step, log.total_steps) == ("completed", STEPS, STEPS)
    (started,) = (event for event in events if isinstance(event, RunStarted))
    assert started.foreign
    assert (started.rows, started.precision) == ({"train": 48, "dev": 48}, "float32")
    assert started.recipe["training"]["learning_rate"] == 1e-3
    assert started.recipe["loss"] == {"name": "MultipleNegativesRankingLoss"}
    assert started.recipe["data"] == {"train": "unknown", "dev": "unknown"}
    assert any(isinstance(event, MachineFound) for event in events)
    assert [event.step for event in events if isinstance(event, ProbesEncoded)] == [6, STEPS]
    probes = ProbeLog()
    probes.fold(events)
    assert [*probes.matrices] == [6, STEPS]
    assert probes.sentences == ["a cat", "a"]
    assert folders.checkpoints(run.folder).keys() == {6, STEPS}
    assert all(event.samples_per_second for event in events if isinstance(event, TrainLogged))

    assert log.headings()[:4] == ("Epoch", "Step", "Training Loss", "eval_loss")
    assert len(log.lines()) == STEPS // 2
    facts = {
        fact.name: fact.value
        for part in overview.overview("", tmp_path, log)
        for fact in part.facts
    }
    assert facts["train"] == "unknown"
    assert facts["per_device_train_batch_size"] == "8"
    assert not [name for name in facts if name.endswith("_token")]
    listed = run_stplay("runs", "--filter", "#mine")
    assert "output-1" in listed.stdout, listed.stderr
    refused = run_stplay("resume", "output-1")
    assert refused.returncode == 2
    assert "another program trains it" in refused.stderr


def test_a_run_of_ours_of_the_same_training_has_the_same_rows(home: Path, tmp_path: Path) -> None:
    write_triplets(tmp_path / "train.jsonl", 80)
    path = tmp_path / "ours.jsonl"
    made = FastTraining(tmp_path, dropout=0.1)
    own = EventCallback(made.trainer, Stages(EventWriter(path)), lambda state: None)
    made.trainer.add_callback(own)
    made.trainer.add_callback(stplay.StplayCallback("theirs"))
    made.trainer.train()

    def logged(run: Run) -> list[tuple[object, ...]]:
        return [
            (each.step, each.epoch, each.loss, each.learning_rate, each.gradient_norm)
            for each in events_of(run)
            if isinstance(each, TrainLogged)
        ]

    ours = Run(tmp_path)
    path.rename(ours.events_path)
    assert len(logged(ours)) == 12
    assert logged(Run.find("theirs")) == logged(ours)


def limit_files(most: int) -> None:
    """Let no file of this process grow beyond so many bytes: what no full disk lets either."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def odd_fold(recorder: TrainingRecorder) -> None:
    """Let the fold have a mistake."""
    recorder._speed = None  # pyright: ignore[reportAttributeAccessIssue]


FAULTS: dict[str, Callable[[TrainingRecorder], object]] = {
    "File too large": lambda recorder: limit_files(1),
    "Its run is gone": lambda recorder: shutil.rmtree(recorder.run.folder),
    "'NoneType' object is not callable": odd_fold,
}


@pytest.mark.parametrize("told", FAULTS)
def test_whatever_fails_is_told_once_and_the_training_goes_on_as_it_would(
    home: Path, tmp_path: Path, alone: Any, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    callback = stplay.StplayCallback()

    def fail() -> None:
        assert callback._recorder is not None
        FAULTS[told](callback._recorder)

    # The Trainer logs after step 4 and saves after step 6.
    lift = At(5, lambda: limit_files(resource.RLIM_INFINITY))
    watched = trainer(tmp_path, [callback, At(4, fail), lift])
    watched.train()
    assert_same_weights(weights(watched), alone[0])
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stplay:")]
    assert len(lines) == 2
    assert "This training is recorded no further, and goes on." in lines[1]
    assert told in lines[1]


def test_a_run_that_cannot_be_made_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STPLAY_HOME", str(tmp_path / "file"))
    trainer(tmp_path, [stplay.StplayCallback()], max_steps=2).train()
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("stplay:")]
    assert len(told) == 1
    assert "No run can be made in" in told[0]


def test_what_is_asked_for_is_heeded_after_the_step(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "LOOKED_AT_SECONDS", 0.0)

    def ask(control: str) -> None:
        run = Run.find("mine")
        run.ask(control, run.read_log())  # pyright: ignore[reportArgumentType]

    watched = trainer(
        tmp_path,
        [
            At(2, lambda: ask("evaluation")),
            At(3, lambda: ask("checkpoint")),
            At(8, lambda: Run.find("mine").request_stop()),
            stplay.StplayCallback("mine"),
        ],
    )
    watched.train()
    run = Run.find("mine")
    answers = [each for each in events_of(run) if isinstance(each, ControlAnswered)]
    assert [(each.control, each.step) for each in answers] == [("evaluation", 2), ("checkpoint", 3)]
    assert watched.state.global_step == 8
    assert run.read_log().status == "stopped"
    saved = [each.step for each in events_of(run) if isinstance(each, CheckpointSaved)]
    assert saved == [3, 6, 8]
    # A name that is taken gets a number: nobody loses a training for it.
    trainer(tmp_path, [stplay.StplayCallback("mine")], max_steps=1).train()
    assert Run.find("mine-1").read_log().status == "completed"


def test_a_training_that_was_left_is_told_as_failed(home: Path, tmp_path: Path) -> None:
    callback = stplay.StplayCallback("left")
    sample = SystemSampled(cpu_percent=1.0, memory_bytes=1)

    def beat() -> None:
        assert callback._recorder is not None
        callback._recorder.write(sample)

    def fail() -> None:
        for _ in range(3):  # the training is at work: whoever looks sees it
            beat()
        raise RuntimeError("caught by its script")

    failing = trainer(tmp_path, [callback, At(3, fail)])
    with pytest.raises(RuntimeError, match="caught by its script"):
        failing.train()
    assert Run.find("left").read_log().status == "running"
    beat()
    beat()
    log = Run.find("left").read_log()
    assert log.status == "failed"
    assert "was left before its last step" in (log.error or "")


ENDS = {
    "raised": ("failed", "RuntimeError: the data is odd"),
    "interrupted": ("stopped", None),
    "left": ("failed", "The program ended before its training did."),
    "killed": ("failed", "ended without a last word"),
}


def test_however_a_program_ends_its_run_tells_it(home: Path, tmp_path: Path) -> None:
    programs = {
        how: subprocess.Popen(
            [sys.executable, str(SUPPORT / "anyonestrainer.py"), str(tmp_path / how), how],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for how in ENDS
    }
    for how, (status, error) in ENDS.items():
        told = programs[how].communicate(timeout=240)[0]
        log = Run.find(how).read_log()
        assert log.status == status, told
        assert (log.error is None) == (error is None)
        assert (error or "") in (log.error or "")
    assert programs["killed"].returncode == -signal.SIGKILL


class Line(nn.Module):
    """What transformers' own Trainer trains: its forward gives the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 1)

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        """The squared error."""
        return {"loss": (self.layer(x)[:, 0] - labels).square().mean()}


def test_a_trainer_of_transformers_is_told_too(home: Path, tmp_path: Path) -> None:
    data = [{"x": torch.tensor([float(at), 1.0]), "labels": torch.tensor(2.0)} for at in range(9)]
    settings: dict[str, Any] = {"max_steps": 4, "logging_steps": 1, "save_strategy": "no"}
    settings |= {"report_to": "none", "disable_tqdm": True, "use_cpu": True}
    Trainer(
        Line(),
        TrainingArguments(str(tmp_path / "line"), **settings),
        train_dataset=data,  # pyright: ignore[reportArgumentType]
        callbacks=[stplay.StplayCallback()],
    ).train()
    run = Run.find("line-1")
    log = run.read_log()
    assert log.status == "completed"
    assert [row.step for row in log.table()] == [1, 2, 3, 4]
    assert log.started is not None
    assert (log.started.base, log.started.rows, log.started.parameters) == (
        "unknown",
        {"train": 9},
        3,
    )
    assert not log.can_evaluate
    assert not any(isinstance(event, ProbesEncoded | Noted) for event in events_of(run))


def test_probes_leave_modes_and_random_numbers_as_they_were(tmp_path: Path) -> None:
    model = small_model(1, tmp_path).train()
    model[0].eval()
    modes, state = [each.training for each in model.modules()], torch.get_rng_state()
    device = torch.device("cpu")
    probes = ScriptProbes(model, None, device, evaluates=True)
    assert len(probes.sentences) == 3
    assert [each.training for each in model.modules()] == modes
    assert torch.equal(torch.get_rng_state(), state)
    odd = ScriptProbes(model, [""], device, evaluates=True)
    assert (odd.sentences, len(odd.notes)) == ([], 1)


def test_of_two_processes_the_first_makes_one_run(home: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    told |= {"LOCAL_WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, str(SUPPORT / "anyonestrainer.py"), str(tmp_path / str(rank)), "both"],
            env=os.environ | told | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, error = process.communicate(timeout=240)
        assert process.returncode == 0, error
    (run,) = Run.every()
    log = run.read_log()
    assert (log.status, log.started and log.started.processes) == ("completed", 2)
    assert len(log.table()) == STEPS // 2
    with pytest.raises(UserError, match="in several processes"):
        run._check_askable(log)
