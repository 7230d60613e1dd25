"""The machine: its GPUs and their driver, memory, processors, and what happens at log-out."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psutil

from stplay.doctor.finding import Finding, finding
from stplay.gpus import amd_architecture, nvidia_driver
from stplay.jobs import logout
from stplay.text import printable, size

SECTION = "machine"
LEAST_MEMORY, LITTLE_MEMORY = 1 << 30, 4 << 30  # bytes that are free


def findings() -> Iterator[Finding]:
    """What the drivers and the system tell, without torch."""
    yield from _gpus()
    yield _memory()
    processors, usable = os.cpu_count() or 1, _usable()
    told = f"{processors}" if usable == processors else f"{processors}, {usable} may be used here"
    yield finding(SECTION, "processors", "ok", told)
    if warning := logout.warning():
        told, _, advice = warning.rpartition("; ")
        yield finding(SECTION, "log-out", "problem", told, advice)


def _gpus() -> Iterator[Finding]:
    driver, architecture = nvidia_driver(), amd_architecture()
    if driver is not None and driver.trouble is not None:
        told = f"NVIDIA's driver does not answer: {printable(driver.trouble)}"
        advice = "look at what nvidia-smi says; restart the machine or the container"
        yield finding(SECTION, "driver", "problem", told, advice)
    elif driver is not None:
        cuda = f"{driver.cuda[0]}.{driver.cuda[1]}"
        told = f"NVIDIA {printable(driver.version)}, for CUDA {cuda} and older"
        yield finding(SECTION, "driver", "ok", told)
        for gpu in driver.gpus:
            capability = f"{gpu.capability[0]}.{gpu.capability[1]}"
            told = f"{printable(gpu.name)}, {size(gpu.free_bytes)} free, capability {capability}"
            yield finding(SECTION, f"GPU {gpu.number}", "ok", told)
    if architecture is not None:
        yield finding(SECTION, "GPU", "ok", f"AMD {architecture}")
    if architecture is None and (driver is None or not (driver.gpus or driver.trouble)):
        told = "none that a driver tells of: the processors do the work"
        yield finding(SECTION, "GPU", "note", told)


def _memory() -> Finding:
    memory = psutil.virtual_memory()
    told = f"{size(memory.available)} free of {size(memory.total)}"
    if memory.available < LEAST_MEMORY:
        advice = "end what is not needed: stplay encoders --stop, stplay stop RUN"
        return finding(SECTION, "memory", "problem", told, advice)
    if memory.available < LITTLE_MEMORY:
        return finding(SECTION, "memory", "note", f"{told}, which is little for large models")
    return finding(SECTION, "memory", "ok", told)


def _usable() -> int:
    """The processors that the system lets this process use, as a scheduler may have set it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
