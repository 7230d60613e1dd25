"""The sign of life of a process of ours: what it takes of the machine, every two seconds."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import psutil

from stplay.engine.worker.eventsink import EventSink
from stplay.jobs.events import SystemSampled
from stplay.jobs.sampler import Sampler

HEARTBEAT_SECONDS = 2.0
BEATS_A_LOOK = 10  # for children, which takes a look at every process of the machine


class Heartbeat(threading.Thread):
    """Tells what the machine has and then, every two seconds, how busy it is.

    ``folder`` is where the work lies; ``gpus`` are the UUIDs of those that do it.
    """

    def __init__(self, events: EventSink, folder: Path) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.events = events
        self.folder = folder
        self.gpus: Collection[str] = ()
        self._end = threading.Event()
        self._beats = 0
        self._family: list[psutil.Process] = []

    def run(self) -> None:
        """Sample until ``end`` is called."""
        process, sampler = psutil.Process(), Sampler(self.folder, self.gpus)
        process.cpu_percent()
        with suppress(Exception):  # a full disk is told by the step that needs it
            self.events.write(sampler.found())
        while not self._end.wait(HEARTBEAT_SECONDS):
            try:
                self.events.write(self._sample(process, sampler))
            except Exception:  # the heart beats on
                continue

    def _sample(self, process: psutil.Process, sampler: Sampler) -> SystemSampled:
        gpu_percent, gpu_memory = _gpu()
        return SystemSampled(
            cpu_percent=process.cpu_percent(),
            memory_bytes=self._memory_bytes(process),
            gpu_percent=gpu_percent,
            gpu_memory_bytes=gpu_memory,
            machine=sampler.load(),
        )

    def _memory_bytes(self, process: psutil.Process) -> int:
        """What the process and its children take of the memory."""
        if self._beats % BEATS_A_LOOK == 0:
            self._family = process.children(recursive=True)
        self._beats += 1
        taken = process.memory_info().rss
        for child in self._family:
            with suppress(psutil.Error):  # it has ended
                taken += child.memory_info().rss
        return taken

    def end(self) -> None:
        """Stop sampling; returns when nothing more is written."""
        self._end.set()
        if self.is_alive() and threading.current_thread() is not self:
            self.join()


def _gpu() -> tuple[float | None, int | None]:
    """How busy the GPU is, in percent, and the bytes that torch holds of its memory."""
    # Asked of torch only once the training has brought it up: the import alone takes seconds.
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "cuda") or not torch.cuda.is_initialized():
        return None, None
    try:
        memory = torch.cuda.memory_reserved()
    except Exception:  # a GPU that failed ends the training, not the heartbeat
        return None, None
    try:
        return float(torch.cuda.utilization()), memory
    except Exception:  # without the vendor's library there is no utilization to tell
        return None, memory
