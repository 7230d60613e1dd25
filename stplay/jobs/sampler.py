"""What a machine has, and how busy it is: read where this process is at work."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

from stplay.jobs.events import MachineFound, MachineLoad
from stplay.jobs.gpuload import GpuReader

LOOPBACK = ("lo", "lo0", "Loopback")

Value = TypeVar("Value")


class Sampler:
    """Reads this machine; ``folder`` is on the disk that it tells of.

    ``taken`` are the UUIDs of the GPUs that a run trains on. One thread makes and uses it.
    """

    def __init__(self, folder: Path, taken: Collection[str] = ()) -> None:
        self.folder = folder
        self.gpus = GpuReader(taken)
        self._counted: dict[str, int] = {}
        self._counted_at = 0.0
        self.load()  # what is a rate is one since the last look

    def found(self) -> MachineFound:
        """What the machine has."""
        return MachineFound(
            processors=os.cpu_count() or 1,
            memory=psutil.virtual_memory().total,
            disk=_read(lambda: shutil.disk_usage(self.folder).total),
            gpus=self.gpus.found(),
        )

    def load(self) -> MachineLoad:
        """How busy it is, and has been since the last look."""
        memory = _read(psutil.virtual_memory)
        return MachineLoad(
            processors=_read(psutil.cpu_percent),
            memory_used=memory and memory.total - memory.available,
            disk_left=_read(lambda: shutil.disk_usage(self.folder).free),
            gpus=self.gpus.loads(),
            **self._rates(),
        )

    def _rates(self) -> dict[str, int]:
        """What was read, written, received and sent, in bytes a second."""
        counted, now = _counted(), time.monotonic()
        before, seconds = self._counted, max(now - self._counted_at, 1e-9)
        self._counted, self._counted_at = counted, now
        return {
            name: round(max(0, bytes_ - before[name]) / seconds)  # a device may have gone
            for name, bytes_ in counted.items()
            if name in before
        }


def _counted() -> dict[str, int]:
    """The bytes that went to and from the disks and networks so far, where that is known."""
    counted = {}
    if disks := _read(psutil.disk_io_counters):
        counted |= {"disk_read": disks.read_bytes, "disk_written": disks.write_bytes}
    networks = _read(lambda: psutil.net_io_counters(pernic=True)) or {}
    if cards := [each for name, each in networks.items() if not name.startswith(LOOPBACK)]:
        counted["network_received"] = sum(card.bytes_recv for card in cards)
        counted["network_sent"] = sum(card.bytes_sent for card in cards)
    return counted


def _read(read: Callable[[], Value]) -> Value | None:
    """What the system tells, or nothing where it cannot: the rest is worth telling."""
    with suppress(Exception):
        return read()
    return None
