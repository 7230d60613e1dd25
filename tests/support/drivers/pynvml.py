"""NVML as the tests have it: it finds the GPUs that ``STPLAY_TESTS_GPUS`` tells of, or no driver.

It is JSON, as machines.py makes it. So no test depends on the GPUs of the machine.
"""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

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


class Memory(NamedTuple):
    free: int


_found: dict[str, Any] = {}


def nvmlInit() -> None:  # noqa: N802
    told = os.environ.get("STPLAY_TESTS_GPUS")
    if told is None:
        raise NVMLError(NVML_ERROR_LIBRARY_NOT_FOUND, "NVML Shared Library Not Found")
    _found.update(json.loads(told))
    if _found["error"] is not None:
        raise NVMLError(*_found["error"])


def nvmlShutdown() -> None:  # noqa: N802
    _found.clear()


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
    if handle["free"] is None:
        raise NVMLError(NVML_ERROR_NOT_SUPPORTED, "Not Supported")
    return Memory(handle["free"])


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
