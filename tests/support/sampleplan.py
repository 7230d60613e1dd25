"""What was measured of a recipe, as the planning process would tell it."""

from __future__ import annotations

from stplay.jobs.events import Engine
from stplay.runs.plans import MiniBatchChoice, Plan


def choice(size: int, seconds: float, memory: int, forwards: int = 1) -> MiniBatchChoice:
    return MiniBatchChoice(
        mini_batch_size=size,
        tokens=size * 20,
        forwards=forwards,
        memory_bytes=memory,
        seconds_a_step=seconds,
    )


def plan_of(*choices: MiniBatchChoice, engine: Engine | None = None) -> Plan:
    return Plan(
        base="builtin:tiny",
        device="CPU, 2 threads",
        precision="float32",
        triplets=6400,
        batch_size=32,
        steps=200,
        free_bytes=3 << 30,
        engine=engine
        or Engine(name="fast", batch_tokens=1219, largest_batch_tokens=1777, most_tokens=1800),
        longest_tokens=25,
        fitting_tokens=250_000,
        choices=[*choices],
    )
