"""The sign of life of a process of ours: what it takes of the machine, every two seconds."""

from __future__ import annotations

import sys
import threading

import psutil

from stplay.engine.worker.eventsink import EventSink
from stplay.jobs.events import SystemSampled

HEARTBEAT_SECONDS = 2.0


class Heartbeat(threading.Thread):
    """Writes a ``SystemSampled`` event every two seconds."""

    def __init__(self, events: EventSink) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.events = events
        self._end = threading.Event()

    def run(self) -> None:
        """Sample until ``end`` is called."""
        process = psutil.Process()
        process.cpu_percent()
        while not self._end.wait(HEARTBEAT_SECONDS):
            try:
                self.events.write(self._sample(process))
            except Exception:  # a full disk is told by the step that needs it; the heart beats on
                continue

    def _sample(self, process: psutil.Process) -> SystemSampled:
        gpu_percent, gpu_memory = _gpu()
        return SystemSampled(
            cpu_percent=process.cpu_percent(),
            memory_bytes=process.memory_info().rss,
            gpu_percent=gpu_percent,
            gpu_memory_bytes=gpu_memory,
        )

    def end(self) -> None:
        """Stop sampling; returns when nothing more is written."""
        self._end.set()
        if self.is_alive():
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
