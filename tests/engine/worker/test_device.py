"""Which GPU is taken, and what is said where one is there that torch cannot use."""

from __future__ import annotations

import os
from typing import Any

import pytest
import torch
from conftest import Command
from machines import GPUS, card, machine, part
from runner import small_recipe

from stplay.engine.worker import device
from stplay.engine.worker.device import (
    DeviceWish,
    choose_gpu,
    gpu_label,
    settle_device,
)
from stplay.engine.worker.place import Place
from stplay.errors import UserError
from stplay.runs.recipesections import TrainingSection
from stplay.runs.run import Run

BUSY, IDLE = card("a", 3), card("b", 70)
ANY = DeviceWish()
PARTED = card("c", 60, parts=[part("1", 9), part("2", 9.5)])


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set there is gone after the test."""
    for name in ("HIP_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


def shown(
    monkeypatch: pytest.MonkeyPatch,
    cards: list[dict[str, Any]],
    visible: str | None,
    wish: DeviceWish = ANY,
) -> str | None:
    """What CUDA_VISIBLE_DEVICES is after the choice, as little as tells the GPU."""
    if cards:
        monkeypatch.setenv(GPUS, machine(*cards))
    if visible is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    choose_gpu(wish)
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    return chosen and chosen[:5]


@pytest.mark.parametrize(
    ("cards", "visible", "expected"),
    [
        ([], None, "0"),
        ([], "3,1", "3"),
        ([], "", ""),
        ([BUSY], None, "GPU-a"),
        ([BUSY, IDLE], None, "GPU-b"),
        ([IDLE, BUSY], None, "GPU-b"),
        ([BUSY, IDLE, PARTED], "0,2", "MIG-1"),
        ([BUSY, PARTED], None, "MIG-2"),
        ([BUSY, PARTED], "MIG-1,GPU-a", "MIG-1"),
        ([BUSY, IDLE], "0", "GPU-a"),
        ([BUSY, IDLE], "0,1", "GPU-b"),
        ([BUSY, IDLE], "0,9,1", "GPU-a"),
        ([BUSY, IDLE], "GPU-a", "GPU-a"),
        ([BUSY, IDLE], "", ""),
        ([BUSY, IDLE], "-1", "-1"),
        ([BUSY, IDLE], "0,0", "0,0"),  # CUDA shows none then
        ([card("a", 3, "NVIDIA T4", (7, 5)), IDLE], "1,0", "1"),  # only CUDA knows which
        ([card("a", 3, "NVIDIA T4", (7, 5)), IDLE], None, "GPU-b"),
    ],
)
def test_the_gpu_with_the_most_free_memory_is_taken(
    cards: list[dict[str, Any]],
    visible: str | None,
    expected: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shown(monkeypatch, cards, visible) == expected


def test_numbers_count_as_cuda_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    assert shown(monkeypatch, [card("a", 3, "NVIDIA T4", (7, 5)), IDLE], "1") == "GPU-b"


def test_the_gpu_that_a_recipe_names_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str | int] = ["GPU-a", 0, "0"]
    for name in names:
        wish = DeviceWish.of_recipe(TrainingSection(gpus=[name]))
        assert shown(monkeypatch, [BUSY, IDLE], "1,0", wish) == "GPU-a"
    with pytest.raises(UserError, match=r"names 0, .* \(GPU 1, GPU-bbbbbbbb\)"):
        shown(monkeypatch, [BUSY, IDLE], "1", DeviceWish(gpus=[0]))


def test_a_cpu_sees_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "1")
    assert shown(monkeypatch, [IDLE], None, DeviceWish(use_cpu=True)) == ""
    assert os.environ["HIP_VISIBLE_DEVICES"] == ""


def test_of_amds_the_first_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIP_VISIBLE_DEVICES", "2,1")
    assert shown(monkeypatch, [], None) == "0"
    assert os.environ["HIP_VISIBLE_DEVICES"] == "2"


def test_it_is_told_which_of_several_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, [BUSY, IDLE], None) == "GPU-b"
    assert gpu_label() == " (GPU 1, GPU-bbbbbbbb)"
    assert shown(monkeypatch, [IDLE], None) == "GPU-b"
    assert gpu_label() == ""


def test_who_wants_a_gpu() -> None:
    assert not DeviceWish.of_recipe(TrainingSection()).wants_gpu
    assert DeviceWish.of_recipe(TrainingSection(bf16=True)).wants_gpu
    assert DeviceWish.of_recipe(TrainingSection(gpus=[0])).wants_gpu


def test_without_a_gpu_there_is_nothing_to_tell() -> None:
    assert settle_device(DeviceWish(wants_gpu=True)) is None


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch is built for CUDA")
def test_a_gpu_that_this_torch_cannot_use_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    shown(monkeypatch, [BUSY, IDLE], None)
    told = settle_device(DeviceWish())
    assert told is not None
    assert told.startswith("NVIDIA H100 PCIe (driver 580.65.06, CUDA 13.0) cannot be used: torch ")
    assert told.endswith("; until then the CPU does the work.")
    with pytest.raises(UserError, match=r"--set training\.use_cpu=true\.$"):
        settle_device(DeviceWish(wants_gpu=True))
    assert settle_device(DeviceWish(use_cpu=True, wants_gpu=True)) is None


@pytest.fixture
def pascal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch for CUDA that has no code for the card that is there."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(device, "_architectures", lambda: ["sm_75", "sm_90"])
    shown(monkeypatch, [card("a", 20, "Tesla P40", (6, 1))], None)


def test_a_gpu_without_code_for_it_is_hidden(pascal: None, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: looked.append("") or True)
    assert os.environ["CUDA_VISIBLE_DEVICES"].startswith("GPU-a")
    told = settle_device(DeviceWish())
    assert told is not None
    assert "no code for its compute capability 6.1" in told
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert looked == [], "CUDA looks once, and it would see the GPU"


def test_a_hidden_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    shown(monkeypatch, [IDLE], "4,0")
    told = settle_device(DeviceWish())
    assert told is not None
    assert "CUDA_VISIBLE_DEVICES='4,0' names no GPU of this machine" in told


def test_an_amd_gpu_under_another_torch_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "amd_architecture", lambda: "gfx942")
    told = settle_device(DeviceWish())
    assert told is not None
    assert told.startswith("The AMD GPU gfx942 cannot be used: torch ")
    assert "ROCm" in told


@pytest.mark.skipif(torch.version.cuda is not None, reason="this torch is built for CUDA")
def test_a_run_tells_it_and_one_that_wants_a_gpu_asks_first(
    stplay: Command, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"training__max_steps": "1", "evaluation__eval_strategy": "no"}
    env = {GPUS: machine(BUSY, IDLE)}
    plain = small_recipe(tmp_path / "data", **few)
    done = stplay(*plain, "--name", "plain", env=env)
    assert done.returncode == 0, done.stderr
    notes = [note.text for note in Run.find("plain").read_log().notes]
    assert sum("NVIDIA H100 PCIe (driver 580.65.06" in note for note in notes) == 1
    wanting = [*plain, "--set=training.bf16=true"]
    refused = stplay(*wanting, "--name", "asked", env=env)
    assert refused.returncode == UserError.exit_code
    assert "or train on the CPU with --set training.use_cpu=true." in refused.stderr
    answered = stplay(*wanting, "--set=training.use_cpu=true", "--name", "cpu", env=env)
    assert answered.returncode == 0, answered.stderr


def test_each_of_several_processes_takes_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(local_rank: int, visible: str | None, cards: list[dict[str, Any]]) -> str | None:
        wish = DeviceWish(place=Place(local_rank, 2, local_rank, 2))
        return shown(monkeypatch, cards, visible, wish)

    assert [taken(rank, None, [BUSY, IDLE]) for rank in (0, 1)] == ["GPU-a", "GPU-b"]
    assert [taken(rank, "1,0", [BUSY, IDLE]) for rank in (0, 1)] == ["GPU-b", "GPU-a"]
    for rank in (0, 1):  # all of them say so, not the last one alone
        with pytest.raises(UserError, match=r"2 processes want a GPU each, and 1 can be seen here"):
            taken(rank, "1", [BUSY, IDLE])
    monkeypatch.setenv(GPUS, machine())
    assert [taken(rank, None, []) for rank in (0, 1)] == ["0", "1"]
    assert [taken(rank, "3,1", []) for rank in (0, 1)] == ["3", "1"]
    assert [taken(rank, "", []) for rank in (0, 1)] == ["", ""]


def test_a_recipe_names_as_many_gpus_as_there_are_processes() -> None:
    named = TrainingSection(gpus=["GPU-b", 0])
    wishes = [DeviceWish.of_recipe(named, Place(rank, 2, rank, 2)) for rank in (0, 1)]
    assert [wish.gpus[wish.place.local_rank] for wish in wishes] == ["GPU-b", 0]
    with pytest.raises(UserError, match=r"names 2, where 1 can be used: .* \(--nproc-per-node\)"):
        DeviceWish.of_recipe(named)
    with pytest.raises(UserError, match="names 1, where 2 can be used"):
        DeviceWish.of_recipe(TrainingSection(gpus=[0]), Place(1, 2, 1, 2))
