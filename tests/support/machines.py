"""Machines with GPUs, as the tests' NVML (drivers/pynvml.py) tells of them."""

from __future__ import annotations

import json
from typing import Any

GPUS = "STPLAY_TESTS_GPUS"


def card(
    letter: str,
    free_gib: float | None,
    name: str = "NVIDIA H100 PCIe",
    capability: tuple[int, int] = (9, 0),
    **more: Any,
) -> dict[str, Any]:
    """A card whose UUID begins with eight times ``letter``."""
    free = None if free_gib is None else int(free_gib * 2**30)
    uuid = f"GPU-{letter * 8}-0000-0000-0000-000000000000"
    return {"uuid": uuid, "name": name, "free": free, "capability": capability, **more}


def busy(letter: str, **more: Any) -> dict[str, Any]:
    """A card of 80 GiB at work, that tells all it can."""
    plain = card(letter, 68.75, "NVIDIA H100 80GB HBM3")
    power = {"milliwatts": 612_400, "most_milliwatts": 700_000}
    return plain | power | {"use": 97, "total": 80 << 30, "temperature": 64, "reasons": 0} | more


def part(letter: str, free_gib: float) -> dict[str, Any]:
    """A part (MIG) of a card."""
    return card(letter, free_gib, "NVIDIA H100 PCIe MIG 1g.10gb") | {
        "uuid": f"MIG-{letter * 8}-0000-0000-0000-000000000000"
    }


def machine(
    *cards: dict[str, Any],
    driver: str = "580.65.06",
    cuda: int = 13000,
    error: tuple[int, str] | None = None,
) -> str:
    """What ``GPUS`` is for a machine with these ``cards``; ``error`` is all its driver says."""
    return json.dumps({"cards": cards, "driver": driver, "cuda": cuda, "error": error})
