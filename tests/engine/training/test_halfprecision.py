"""What a training computes in where the GPU decides it, and fp16, whose losses are scaled.

A CPU has fp16 and a scaler too; the library makes no scaler there, so that it is given one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import write_triplets
from fasttraining import FastTraining
from torch.amp.grad_scaler import GradScaler

from stplay.engine.training.trainingarguments import precision_of, training_arguments
from stplay.runs import recipe

NO_GPU, OLD, NEW = (False, False), (True, False), (True, True)


@pytest.mark.parametrize(
    ("asked", "gpu", "taken", "why"),
    [
        ({}, NEW, "float32", None),
        ({"bf16": True}, NEW, "bf16", None),
        ({"bf16": True}, OLD, "fp16", "This GPU has no bf16"),
        ({"bf16": True}, NO_GPU, "float32", "bf16 needs a CUDA GPU"),
        ({"fp16": True}, NEW, "fp16", None),
        ({"fp16": True}, OLD, "fp16", None),
        ({"fp16": True}, NO_GPU, "float32", "fp16 needs a CUDA GPU"),
        ({"bf16": True, "fp16": True}, NEW, "fp16", None),
        (None, OLD, "fp16", "This GPU has no bf16"),
        (None, NEW, "bf16", None),
    ],
)
def test_what_is_asked_for_and_what_the_gpu_has(
    monkeypatch: pytest.MonkeyPatch,
    asked: dict[str, bool] | None,
    gpu: tuple[bool, bool],
    taken: str,
    why: str | None,
) -> None:
    """Without anything asked for, of the preset ``all-nli``."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu[0])
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: gpu[1])
    preset = asked is None
    chosen = recipe.load("all-nli") if preset else recipe.build({"training": asked}, "test")
    assert precision_of(chosen) == (taken, why)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("half")
    write_triplets(made / "train.jsonl", 160)
    return made


def scaled(folder: Path, scale: float, most_tokens: int | None = None, **settings: Any) -> Any:
    """A training in fp16, its losses scaled by ``scale`` at first."""
    training = FastTraining(folder, precision="fp16", **settings)
    trainer = training.trainer
    trainer.accelerator.scaler = GradScaler("cpu", init_scale=scale)
    trainer.collator.most_tokens = most_tokens or trainer.collator.most_tokens
    trainer.train()
    return training


def test_the_library_is_asked_for_it(folder: Path) -> None:
    training = FastTraining(folder, use_cpu=True)
    for precision in ("bf16", "fp16", "float32"):
        made = training_arguments(training.recipe, training.model, precision, folder / "none")
        assert (made.bf16, made.fp16) == (precision == "bf16", precision == "fp16")


@pytest.mark.parametrize("most_tokens", [None, 100])
@pytest.mark.parametrize("batches", [1, 2])
def test_scaled_steps_in_fp16_are_those_in_float32(
    folder: Path, most_tokens: int | None, batches: int
) -> None:
    settings: dict[str, Any] = {"gradient_accumulation_steps": batches, "max_steps": 20}
    half = scaled(folder, 2.0**10, most_tokens, **settings)
    assert half.trainer.accelerator.scaler.get_scale() == 2.0**10, "a step was skipped"
    single = FastTraining(folder, **settings)
    single.trainer.train()
    assert half.losses == pytest.approx(single.losses, abs=0.05)
    assert half.losses != single.losses
    began = FastTraining(folder).weights
    moved = torch.cat([(half.weights[name] - began[name]).ravel() for name in began])
    right = torch.cat([(single.weights[name] - began[name]).ravel() for name in began])
    assert torch.nn.functional.cosine_similarity(moved, right, 0) > 0.95
    assert {weight.dtype for weight in half.model.parameters()} == {torch.float32}


def test_a_scale_that_is_too_large_skips_steps_and_is_halved(folder: Path) -> None:
    half = scaled(folder, 2.0**40, max_steps=30)
    assert half.trainer.scales
    assert half.trainer.accelerator.scaler.get_scale() < 2.0**40
    began = FastTraining(folder).weights
    assert all(bool(weight.isfinite().all()) for weight in half.weights.values())
    assert any(not torch.equal(weight, began[name]) for name, weight in half.weights.items())
    assert all(loss == loss for loss in half.losses)


def test_a_run_in_fp16_goes_on_where_nothing_is_scaled(folder: Path, tmp_path: Path) -> None:
    torch.save(GradScaler("cpu").state_dict(), tmp_path / "scaler.pt")
    trainer = FastTraining(folder).trainer
    assert not trainer.scales
    trainer._load_scaler(str(tmp_path))
    trainer.accelerator.scaler = GradScaler("cpu", init_scale=8.0)
    trainer._load_scaler(str(tmp_path))
    assert trainer.accelerator.scaler.get_scale() == 2.0**16
