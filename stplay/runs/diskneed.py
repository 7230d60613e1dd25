"""What the checkpoints of a training and its model will take of the disk."""

from __future__ import annotations

import math
import shutil
from typing import NamedTuple

from stplay import home
from stplay.runs.recipesections import WHOLE_CHECKPOINTS, TrainingSection
from stplay.text import size

BYTES_A_WEIGHT = 4  # models are kept as float32


class SavedSizes(NamedTuple):
    """The bytes of a ``model`` as it is saved, and of a ``checkpoint`` that can be resumed from."""

    model: int
    checkpoint: int


class DiskNeed(NamedTuple):
    """At most ``size`` bytes, with so many ``checkpoints`` kept at the end."""

    size: int
    checkpoints: int


def sizes_of(parameters: int) -> SavedSizes:
    """What a model of so many ``parameters`` takes; AdamW keeps two values for each."""
    return SavedSizes(BYTES_A_WEIGHT * parameters, 3 * BYTES_A_WEIGHT * parameters)


def disk_need(training: TrainingSection, steps: int, sizes: SavedSizes) -> DiskNeed:
    """What a training of so many ``steps`` needs when most of it lies there.

    One checkpoint comes before another goes, and the model comes last.
    """
    saved = math.ceil(steps / training.save_steps)
    kept = min(saved, training.save_total_limit or saved)
    whole = min(kept, WHOLE_CHECKPOINTS)
    lasting = whole * sizes.checkpoint + (kept - whole) * sizes.model
    return DiskNeed(lasting + max(sizes.model, sizes.checkpoint if saved > kept else 0), kept)


def free_disk_bytes() -> int | None:
    """What is free where runs lie; nothing where the system does not tell."""
    folder = home.runs_folder()
    try:
        there = next(each for each in (folder, *folder.parents) if each.exists())
        return shutil.disk_usage(there).free
    except (OSError, StopIteration):
        return None


def disk_words(needed: int, free: int | None) -> str:
    """What is needed beside what is ``free``, and whether it fits."""
    if free is None:
        return f"about {size(needed)}"
    words = f"about {size(needed)}, {size(free)} free"
    return f"{words}: that does not fit" if needed > free else words
