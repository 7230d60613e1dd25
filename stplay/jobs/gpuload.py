"""How busy the GPUs are, as NVIDIA's driver tells it, which is kept open for that."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from importlib import import_module
from typing import Any

from stplay.gpus import Gpu, gpus_and_handles
from stplay.jobs.events import GpuFound, GpuLoad

# Bits of NVML's clocks event reasons, and what people call them. What holds the clocks of an idle
# GPU down, or somebody has set, is none.
POWER_LIMIT = "its power limit"
SLOWED = {
    0x04: POWER_LIMIT,
    0x20: "heat",
    0x40: "heat",
    0x80: "the power supply",
    0x08: "the hardware",
}


class GpuReader:
    """Reads the GPUs of this machine; of those that are ``taken``, by their UUIDs, it says so."""

    def __init__(self, taken: Collection[str] = ()) -> None:
        self._nvml: Any = None
        self._gpus: list[tuple[str, Gpu, Any]] = []
        self._taken = taken
        with suppress(Exception):  # there is no driver, or it does not answer
            nvml = import_module("pynvml")
            nvml.nvmlInit()
            self._nvml = nvml
            self._gpus = _numbered([*gpus_and_handles(nvml)])

    def found(self) -> list[GpuFound]:
        """Which GPUs there are."""
        nvml = self._nvml
        return [
            GpuFound(
                gpu=number,
                name=gpu.name,
                memory=_told(lambda each=handle: nvml.nvmlDeviceGetMemoryInfo(each).total),
                power_limit=_watts(nvml.nvmlDeviceGetEnforcedPowerLimit, handle),
                taken=gpu.uuid in self._taken,
            )
            for number, gpu, handle in self._gpus
        ]

    def loads(self) -> list[GpuLoad]:
        """How busy each of them is."""
        return [self._load(number, handle) for number, _, handle in self._gpus]

    def _load(self, number: str, handle: Any) -> GpuLoad:
        nvml = self._nvml
        return GpuLoad(
            gpu=number,
            use=_told(lambda: nvml.nvmlDeviceGetUtilizationRates(handle).gpu),
            memory=_told(lambda: nvml.nvmlDeviceGetMemoryInfo(handle).used),
            power=_watts(nvml.nvmlDeviceGetPowerUsage, handle),
            temperature=_told(
                lambda: nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)
            ),
            slowed=slowed_by(
                _told(lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)) or 0
            ),
        )


def _numbered(gpus: list[tuple[Gpu, Any]]) -> list[tuple[str, Gpu, Any]]:
    """Each with its number in nvidia-smi, the parts of a card with theirs."""
    parts: dict[str, int] = {}
    numbered = []
    for gpu, handle in gpus:
        number = f"{gpu.number}"
        if gpu.uuid != gpu.board:
            part = parts[gpu.board] = parts.get(gpu.board, -1) + 1
            number = f"{gpu.number}:{part}"
        numbered.append((number, gpu, handle))
    return numbered


def slowed_by(reasons: int) -> list[str]:
    """What holds the clocks of a GPU down, in words; ``reasons`` are NVML's bits."""
    return [*dict.fromkeys(words for bit, words in SLOWED.items() if reasons & bit)]


def _told(read: Callable[[], int]) -> int | None:
    """What the driver tells, or nothing where this GPU cannot, or has failed."""
    with suppress(Exception):
        return value if (value := read()) >= 0 else None
    return None


def _watts(read: Callable[[Any], int], handle: Any) -> int | None:
    milliwatts = _told(lambda: read(handle))
    return None if milliwatts is None else round(milliwatts / 1000)
