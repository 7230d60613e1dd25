"""NVML as the tests have it: it finds the GPUs that ``STPLAY_TESTS_GPUS`` tells of, or no driver.

It is JSON, as machines.py makes it. So no test depends on the GPUs of the machine. As NVML, it is
open until it was shut down as often as it was opened.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

NVML_ERROR_UNINITIALIZED = 1
NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_NOT_FOUND = 6
NVML_ERROR_DRIVER_NOT_LOADED = 9
NVML_ERROR_LIBRARY_NOT_FOUND = 12
NVML_ERROR_GPU_IS_LOST = 15
NVML_ERROR_LIB_RM_VERSION_MISMATCH = 18

Handle = dict[str, Any]


class NVMLError(Exception):
    def __init__(self, value: int, text: str = "") -> None:
        super().__init__(text)
        self.value = value


NVML_TEMPERATURE_GPU = 0


class Memory(NamedTuple):
    total: int
    used: int
    free: int


class Utilization(NamedTuple):
    gpu: int
    memory: int


_found: dict[str, Any] = {"users": 0}


def nvmlInit() -> None:  # noqa: N802
    told = os.environ.get("STPLAY_TESTS_GPUS")
    if told is None:
        raise NVMLError(NVML_ERROR_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found")
    _found.update(json.loads(told))
    if _found["error"] is not None:
        raise NVMLError(*_found["error"])
    _found["users"] += 1


def nvmlShutdown() -> None:  # noqa: N802
    _found["users"] -= 1
    if not _found["users"]:
        _found.clear()
        _found["users"] = 0


def nvmlSystemGetDriverVersion() -> str:  # noqa: N802
    return _found["driver"]


def nvmlSystemGetCudaDriverVersion() -> int:  # noqa: N802
    return _found["cuda"]


def nvmlDeviceGetCount() -> int:  # noqa: N802
    return len(_found["cards"])


def nvmlDeviceGetHandleByIndex(index: int) -> Handle:  # noqa: N802
    card = _found["cards"][index]
    if card.get("lost"):
        raise NVMLError(NVML_ERROR_GPU_IS_LOST, "GPU is lost")
    return card


def nvmlDeviceGetUUID(handle: Handle) -> str:  # noqa: N802
    return handle["uuid"]


def nvmlDeviceGetName(handle: Handle) -> str:  # noqa: N802
    return handle["name"]


def nvmlDeviceGetMemoryInfo(handle: Handle) -> Memory:  # noqa: N802
    free = _told(handle, "free")
    total = handle.get("total", free)
    return Memory(total, total - free, free)


def _told(handle: Handle, name: str) -> int:
    if not _found["users"]:
        raise NVMLError(NVML_ERROR_UNINITIALIZED, "Uninitialized")
    if handle.get(name) is None:
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED, "Not Supported")
    return handle[name]


def nvmlDeviceGetUtilizationRates(handle: Handle) -> Utilization:  # noqa: N802
    return Utilization(_told(handle, "use"), 0)


def nvmlDeviceGetPowerUsage(handle: Handle) -> int:  # noqa: N802
    return _told(handle, "milliwatts")


def nvmlDeviceGetEnforcedPowerLimit(handle: Handle) -> int:  # noqa: N802
    return _told(handle, "most_milliwatts")


def nvmlDeviceGetTemperature(handle: Handle, sensor: int) -> int:  # noqa: N802
    assert sensor == NVML_TEMPERATURE_GPU
    return _told(handle, "temperature")


def nvmlDeviceGetCurrentClocksThrottleReasons(handle: Handle) -> int:  # noqa: N802
    return _told(handle, "reasons")


def nvmlDeviceGetCudaComputeCapability(handle: Handle) -> tuple[int, int]:  # noqa: N802
    major, minor = handle["capability"]
    return major, minor


def nvmlDeviceGetMigMode(handle: Handle) -> list[int]:  # noqa: N802
    if "parts" not in handle:
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED, "Not Supported")
    return [1, 1]


def nvmlDeviceGetMaxMigDeviceCount(handle: Handle) -> int:  # noqa: N802
    return 7


def nvmlDeviceGetMigDeviceHandleByIndex(handle: Handle, index: int) -> Handle:  # noqa: N802
    if index >= len(handle["parts"]):
        raise NVMLError(NVML_ERROR_NOT_FOUND, "Not Found")
    return handle["parts"][index]
