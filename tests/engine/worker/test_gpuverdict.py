"""Why torch cannot use a GPU that is there, case by case."""

from __future__ import annotations

import pytest

from stplay.engine.worker.gpuverdict import GpuFacts, why_unusable

H100 = GpuFacts(
    card="NVIDIA H100 PCIe",
    driver="580.65",
    driver_cuda=(13, 0),
    wheel="2.13.0+cu130",
    cuda="13.0",
    capability=(9, 0),
    architectures=["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"],
    is_available=True,
)
MI300 = GpuFacts(
    card="The AMD GPU gfx942",
    architecture="gfx942",
    wheel="2.13.0+rocm7.0",
    rocm="7.0",
    architectures=["gfx90a", "gfx942"],
    is_available=True,
)
FAILED = {"is_available": False}


@pytest.mark.parametrize(
    ("facts", "changes", "parts"),
    [
        (
            H100,
            FAILED | {"driver": "470.82", "driver_cuda": (11, 4)},
            ["(driver 470.82, CUDA 11.4)", "for CUDA 13.0", "too old", "CUDA 11.4 or older"],
        ),
        (H100, {"wheel": "2.13.0+cpu", "cuda": None}, ["CPUs alone", "CUDA 13.0 or older"]),
        (H100, {"cuda": None, "rocm": "7.0"}, ["AMD's ROCm 7.0", "CUDA 13.0 or older"]),
        (H100, FAILED | {"hidden_by": ""}, ["CUDA_VISIBLE_DEVICES=''", "unset it"]),
        (H100, FAILED | {"hidden_by": "7,0"}, ["CUDA_VISIBLE_DEVICES='7,0'", "nvidia-smi -L"]),
        (H100, FAILED, ["does not find it", "restart the machine"]),
        (
            H100,
            {"card": "Tesla P40", "capability": (6, 1)},
            ["Tesla P40", "no code for its compute capability 6.1, only sm_75,", "previous"],
        ),
        (H100, {"architectures": ["sm_90a"], "capability": (9, 1)}, ["no code", "only sm_90a"]),
        (H100, {"architectures": ["sm_86"], "capability": (8, 0)}, ["no code"]),
        (H100, FAILED | {"trouble": "Driver/library version mismatch"}, ["restart the machine"]),
        (MI300, {"rocm": None, "cuda": "13.0"}, ["built for CUDA 13.0", "one for ROCm"]),
        (MI300, {"rocm": None}, ["The AMD GPU gfx942", "built for CPUs alone"]),
        (MI300, FAILED, ["does not find it", "rocminfo"]),
        (MI300, {"architecture": "gfx1036"}, ["no code for gfx1036, only gfx90a, gfx942"]),
    ],
)
def test_it_cannot(facts: GpuFacts, changes: dict, parts: list[str]) -> None:
    why = why_unusable(facts._replace(**changes))
    assert why is not None
    assert not why.endswith(".")
    for part in parts:
        assert part in why


@pytest.mark.parametrize(
    ("facts", "changes"),
    [
        (H100, {}),
        (H100, {"trouble": "Unknown Error"}),
        (H100, {"capability": (7, 5)}),
        (H100, {"capability": (8, 9)}),
        (H100, {"capability": (12, 1)}),
        (H100, {"capability": (13, 0)}),  # by compute_120
        (H100, {"capability": (6, 1), "architectures": ["compute_50"]}),
        (H100, {"architectures": ["sm_90a"]}),
        (H100, {"architectures": ["sm_100f", "sm_90"]}),
        (H100, {"architectures": ["sm_100f"], "capability": (10, 3)}),
        (H100, {"capability": None}),
        (H100, {"architectures": []}),
        (H100, {"driver_cuda": (12, 4), "cuda": "12.8"}),  # of one major version
        (H100, {"driver_cuda": (12, 4)}),  # with NVIDIA's package for newer CUDA
        (MI300, {}),
        (MI300, {"architectures": ["gfx942:sramecc+:xnack-"]}),
        (MI300, {"architectures": []}),
    ],
)
def test_it_can(facts: GpuFacts, changes: dict) -> None:
    assert why_unusable(facts._replace(**changes)) is None
