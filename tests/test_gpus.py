"""The GPUs that NVML tells of, those of them that CUDA would show, and the one that is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from machines import GPUS, card, machine, part

from stplay import gpus
from stplay.errors import UserError
from stplay.gpus import (
    Gpu,
    NvidiaDriver,
    amd_architecture,
    named_gpu,
    nvidia_driver,
    visible_gpus,
)

PARTED = card("c", 60, parts=[part("1", 9), part("2", 20)])


def gpus_of(monkeypatch: pytest.MonkeyPatch, *cards: dict) -> list[Gpu]:
    monkeypatch.setenv(GPUS, machine(*cards))
    driver = nvidia_driver()
    assert driver is not None
    return [*driver.gpus]


def letters(found: list[Gpu] | None) -> str | None:
    return None if found is None else "".join(gpu.uuid[4] for gpu in found)


def test_no_driver_is_none() -> None:
    assert nvidia_driver() is None


def test_what_a_driver_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPUS, machine(card("a", 70), driver="550.54", cuda=12040))
    driver = nvidia_driver()
    assert driver == NvidiaDriver(
        "550.54",
        (12, 4),
        [
            Gpu(
                number=0,
                board="GPU-aaaaaaaa-0000-0000-0000-000000000000",
                uuid="GPU-aaaaaaaa-0000-0000-0000-000000000000",
                name="NVIDIA H100 PCIe",
                free_bytes=70 * 2**30,
                capability=(9, 0),
            )
        ],
    )


def test_a_driver_that_does_not_answer_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPUS, machine(error=(18, "Driver/library version mismatch")))
    assert nvidia_driver() == NvidiaDriver(trouble="Driver/library version mismatch")
    monkeypatch.setenv(GPUS, machine(error=(9, "Driver Not Loaded")))
    assert nvidia_driver() is None


def test_cards_that_have_failed_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpus_of(monkeypatch, card("a", 1, lost=True), card("b", None))
    assert [(gpu.number, gpu.free_bytes) for gpu in found] == [(1, 0)]


def test_a_card_in_parts_is_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpus_of(monkeypatch, card("a", 70), PARTED, card("d", 5, parts=[]))
    assert [gpu.label for gpu in found] == [
        "GPU 0, GPU-aaaaaaaa",
        "GPU 1, MIG-11111111",
        "GPU 1, MIG-22222222",
        "GPU 2, GPU-dddddddd",
    ]


# Cards a, b, and c in the parts 1 and 2.
@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        (None, "ab12"),
        ("", ""),
        ("-1", ""),
        ("none", ""),
        ("0", "a"),
        ("1,0", "ba"),
        (" 1 , 0 ", "ba"),
        ("0,3,1", "a"),
        ("0,-1,1", "a"),
        ("1,x,0", "b"),
        ("1gpu0,0", "ba"),
        ("0,0", ""),
        ("2", "1"),
        ("GPU-bbbbbbbb-0000-0000-0000-000000000000,0", "ba"),
        ("GPU-b,GPU-a", "ba"),
        ("GPU-,0", ""),
        ("GPU-b,GPU-f,GPU-a", "b"),
        ("GPU-b,GPU-bbbbbbbb", ""),
        ("GPU-c", "1"),
        ("MIG-2", "2"),
        ("MIG-22222222-0000-0000-0000-000000000000,MIG-1", "21"),
        ("MIG-3", ""),
    ],
)
def test_what_cuda_shows(
    variable: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = gpus_of(monkeypatch, card("a", 70), card("b", 70), PARTED)
    assert letters(visible_gpus(found, variable)) == expected


def test_numbers_of_different_cards_are_not_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpus_of(monkeypatch, card("a", 10, "NVIDIA T4", (7, 5)), card("b", 70))
    assert visible_gpus(found, "0") is None
    assert letters(visible_gpus(found, "1", by_bus=True)) == "b"
    assert letters(visible_gpus(found, "GPU-a")) == "a"
    assert letters(visible_gpus(found, None)) == "ab"


def test_a_gpu_is_named_by_its_uuid_or_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpus_of(monkeypatch, card("a", 70), card("b", 5), PARTED)
    names: list[str | int] = [1, "1", " 1 ", "GPU-b", found[1].uuid, 2, "MIG-1", "GPU-cccc"]
    assert letters([named_gpu(found, name) for name in names]) == "bbbbb212"


@pytest.mark.parametrize("name", [2, "GPU-f", "GPU-", "", "b", "1.5"])
def test_a_gpu_that_is_not_there(name: str | int, monkeypatch: pytest.MonkeyPatch) -> None:
    found = gpus_of(monkeypatch, card("a", 70), card("b", 5))
    with pytest.raises(UserError, match=r"GPU 0, GPU-aaaaaaaa; GPU 1, GPU-bbbbbbbb") as told:
        named_gpu(found, name)
    assert f"names {name}, " in str(told.value)
    with pytest.raises(UserError, match=r"\(none\)"):
        named_gpu([], 0)


NODES = {
    "processor": "cpu_cores_count 64\nsimd_count 0\ngfx_target_version 0\n",
    "laptop": "cpu_cores_count 16\nsimd_count 24\ngfx_target_version 90000\n",
    "small": "cpu_cores_count 0\nsimd_count 64\ngfx_target_version 100300\n",
    "large": "cpu_cores_count 0\nsimd_count 880\ngfx_target_version 90010\n",
    "hidden": "",
    "strange": "cpu_cores_count none\n",
}


@pytest.mark.parametrize(
    ("nodes", "architecture"),
    [
        ([], None),
        (["processor"], None),
        (["laptop"], None),
        (["processor", "small"], "gfx1030"),
        (["processor", "large", "small", "hidden", "strange"], "gfx90a"),
    ],
)
def test_the_architecture_of_an_amd_gpu(
    nodes: list[str], architecture: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpus, "AMD_NODES", tmp_path)
    for number, node in enumerate(nodes):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "properties").write_text(NODES[node], encoding="ascii")
    assert amd_architecture() == architecture
