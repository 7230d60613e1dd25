"""What a training process tells of a machine with some GPUs, of which it takes the first."""

from __future__ import annotations

from samplerun import finished_run

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import (
    Event,
    GpuFound,
    GpuLoad,
    MachineFound,
    MachineLoad,
    SystemSampled,
)
from stplay.runs.run import Run

GIB = 1 << 30
BEGIN = 1_000_000.0


def found(gpus: int, *, taken: bool = True) -> MachineFound:
    """The machine."""
    return MachineFound(
        time=BEGIN,
        processors=32,
        memory=256 * GIB,
        disk=2000 * GIB,
        gpus=[
            GpuFound(
                gpu=f"{number}",
                name="NVIDIA H100 80GB HBM3",
                memory=80 * GIB,
                power_limit=700,
                taken=taken and number == 0,
            )
            for number in range(gpus)
        ],
    )


def sampled(number: int, gpus: int, *slowed: str) -> SystemSampled:
    """A sample, two seconds after the one before it."""
    wave = number // 5 % 4
    return SystemSampled(
        time=BEGIN + 2.0 * number,
        cpu_percent=180.0 + 20 * wave,
        memory_bytes=3 * GIB,
        gpu_percent=97.0 if gpus else None,
        gpu_memory_bytes=11 * GIB if gpus else None,
        machine=MachineLoad(
            processors=20.0 + 20 * wave,
            memory_used=64 * GIB,
            disk_left=412 * GIB,
            disk_read=1 << 20,
            disk_written=wave << 20,
            network_received=12_000,
            network_sent=4_000,
            gpus=[
                GpuLoad(
                    gpu=f"{at}",
                    use=97 - 25 * wave if at == 0 else 0,
                    memory=11 * GIB if at == 0 else GIB // 2,
                    power=612 if at == 0 else 71,
                    temperature=64 if at == 0 else 31,
                    slowed=[*slowed] if at == 0 else [],
                )
                for at in range(gpus)
            ],
        ),
    )


def events(gpus: int, samples: int = 100, *slowed: str) -> list[Event]:
    """The machine, and so many samples of it."""
    return [found(gpus), *(sampled(number, gpus, *slowed) for number in range(samples))]


def sampled_run(name: str, gpus: int, *slowed: str) -> Run:
    """A finished run on such a machine."""
    run = finished_run(name, 20)
    writer = EventWriter(run.events_path)
    for event in events(gpus, 100, *slowed):
        writer.write(event)
    writer.close()
    return run
