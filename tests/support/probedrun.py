"""A run on disk whose probe sentences were encoded at its evaluations, ever less alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from runsondisk import write
from samplerun import finished_run

from stplay.jobs.events import Evaluated, Event, ProbesEncoded, RunStarted
from stplay.runs.probesentences import CARD_SENTENCES
from stplay.runs.run import Run


def angles(sentences: int, step: int) -> np.ndarray:
    """Where each of them points, so that the cosine of two is that of the angle between them."""
    return np.linspace(0.0, step / 400, sentences)


def probes_encoded(step: int, sentences: int = 3, *, gap: bool = False) -> ProbesEncoded:
    """What is told of them after ``step``; of the first, that it is not finite, where it is so."""
    at = angles(sentences, step)
    embeddings = np.column_stack((np.cos(at), np.sin(at)))
    if gap:
        embeddings[0] = np.nan
    packed = embeddings.astype("<f2").tobytes()
    return ProbesEncoded(step=step, epoch=step / 1000, dimensions=2, embeddings=packed)


def probed_run(
    name: str = "done", steps: int = 13, sentences: Sequence[str] = CARD_SENTENCES, **last: Any
) -> Run:
    """A finished run, probed each 100 steps."""
    run = finished_run(name, steps, **last)
    events: list[Event] = []
    for event in run.events().read():
        if isinstance(event, RunStarted):
            event.recipe["evaluation"]["probes"] = [*sentences]
        events.append(event)
        if isinstance(event, Evaluated):
            events.append(probes_encoded(event.step, len(sentences)))
    run.events_path.unlink()
    return write(run, *events)
