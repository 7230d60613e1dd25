"""What a machine has and how busy it is: of this one, and of machines that the tests make up."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import psutil
import pytest
from machines import GPUS, busy, card, machine, part

from stplay.jobs.events import GpuFound, GpuLoad
from stplay.jobs.gpuload import GpuReader, slowed_by
from stplay.jobs.sampler import Sampler

NAME = "NVIDIA H100 80GB HBM3"


def test_what_this_machine_has_and_how_busy_it_is(tmp_path: Path) -> None:
    sampler = Sampler(tmp_path)
    found, load = sampler.found(), sampler.load()
    assert found.memory == psutil.virtual_memory().total
    assert found.processors >= 1
    assert found.disk == shutil.disk_usage(tmp_path).total
    assert found.gpus == load.gpus == []
    assert load.memory_used is not None
    assert 0 < load.memory_used < found.memory
    assert found.disk is not None
    assert load.disk_left is not None
    assert 0 < load.disk_left <= found.disk


def test_rates_are_of_the_seconds_since_the_last_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    counted = {"disk_read": 100, "network_sent": 7}
    monkeypatch.setattr("stplay.jobs.sampler._counted", lambda: counted)
    sampler = Sampler(tmp_path)
    now, counted = 2.0, {"disk_read": 4100, "network_sent": 3, "disk_written": 5}
    load = sampler.load()
    assert load.disk_read == 2000
    assert load.network_sent == 0, "a card that went took its bytes along"
    assert load.disk_written is None, "since when it is, nobody knows"


def test_what_cannot_be_read_is_absent_and_hides_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise NotImplementedError

    for name in ("disk_io_counters", "net_io_counters", "virtual_memory"):
        monkeypatch.setattr(psutil, name, fail)
    monkeypatch.setattr(psutil, "cpu_percent", lambda: 12.5)
    load = Sampler(tmp_path).load()
    assert (load.processors, load.memory_used) == (12.5, None)
    assert (load.disk_read, load.network_sent) == (None, None)
    assert load.disk_left


def test_gpus_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GPUS, machine(busy("a"), busy("b", use=0, reasons=0x24, temperature=91)))
    reader = GpuReader(["GPU-bbbbbbbb-0000-0000-0000-000000000000"])
    assert reader.found() == [
        GpuFound(gpu="0", name=NAME, memory=80 << 30, power_limit=700),
        GpuFound(gpu="1", name=NAME, memory=80 << 30, power_limit=700, taken=True),
    ]
    used = int(11.25 * 2**30)
    slowed = ["its power limit", "heat"]
    assert reader.loads() == [
        GpuLoad(gpu="0", use=97, memory=used, power=612, temperature=64),
        GpuLoad(gpu="1", use=0, memory=used, power=612, temperature=91, slowed=slowed),
    ]


def test_what_a_gpu_cannot_tell_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    parted = card("c", 60, parts=[part("1", 9), part("2", 20)])
    monkeypatch.setenv(GPUS, machine(card("a", None), parted, card("d", 1, lost=True)))
    reader = GpuReader()
    assert [gpu.gpu for gpu in reader.found()] == ["0", "1:0", "1:1"]
    assert reader.loads()[0] == GpuLoad(gpu="0")
    assert reader.found()[0].memory is None


def test_without_a_driver_that_answers_there_are_no_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    assert GpuReader().loads() == GpuReader().found() == []
    monkeypatch.setenv(GPUS, machine(error=(18, "Driver/library version mismatch")))
    assert GpuReader().loads() == GpuReader().found() == []


@pytest.mark.parametrize(
    ("reasons", "words"),
    [
        (0, []),
        (0x1 | 0x2 | 0x10 | 0x100, []),  # idle, set by somebody, in step with others, the display's
        (0x4, ["its power limit"]),
        (0x20 | 0x40, ["heat"]),
        (0x8 | 0x80, ["the power supply", "the hardware"]),
    ],
)
def test_why_clocks_are_held_down(reasons: int, words: list[str]) -> None:
    assert slowed_by(reasons) == words
