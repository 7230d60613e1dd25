"""The files of a checkpoint: those that a resume needs, whether they are whole, and how they go."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from stplay.jobs import manifest
from stplay.runs.recipesections import WHOLE_CHECKPOINTS
from stplay.text import printable

STATE = "trainer_state.json"
NEEDED = ("optimizer.pt", "scheduler.pt", "rng_state.pth", STATE)
RESUME_FILES = ("optimizer.pt", "scheduler.pt", "scaler.pt", "rng_state.pth", "training_args.bin")


def step_of(checkpoint: Path) -> int:
    """The step at which ``checkpoint`` (a folder ``checkpoint-<step>``) was saved."""
    return int(checkpoint.name.rpartition("-")[2])


def is_last(checkpoint: Path, total_steps: int | None) -> bool:
    """Whether the training has no step to take after ``checkpoint``.

    Without ``total_steps``, it has as many as when that was saved.
    """
    state = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    return state["global_step"] >= (total_steps or state["max_steps"])


def is_to_be_whole(checkpoint: Path, age: int) -> bool:
    """Whether a checkpoint, which ``age`` newer ones follow, was to keep what a resume needs."""
    try:
        saved = manifest.load(checkpoint)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        return True
    if saved is not None:
        return NEEDED[0] in saved.files
    return age < WHOLE_CHECKPOINTS or (checkpoint / NEEDED[0]).is_file()


def damage(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint that a run is to go on from; ``None`` where nothing is."""
    if not checkpoint.is_dir():
        return "it is gone"
    if words := manifest.damage(checkpoint, hashes=True):
        return words
    if (checkpoint / manifest.MANIFEST).is_file():
        return None
    return next(_unreadable(checkpoint), None)  # of an older stplay, which wrote nothing down


def _unreadable(checkpoint: Path) -> Iterator[str]:
    """What of a checkpoint cannot be read by the libraries that will read it."""
    import torch
    from safetensors import safe_open
    from transformers import TrainerState
    from transformers.trainer_pt_utils import safe_globals

    for name in NEEDED:
        if not (checkpoint / name).is_file():
            yield f"{name} is gone"
    for path in sorted(path for path in checkpoint.rglob("*") if path.is_file()):
        try:
            if path.name == STATE:
                state = TrainerState.load_from_json(str(path))
                assert state.max_steps >= state.global_step >= 0
            elif path.suffix == ".json":
                json.loads(path.read_bytes())
            elif path.suffix == ".safetensors":
                with safe_open(str(path), "pt"):
                    pass
            elif path.suffix in (".pt", ".pth"):
                with safe_globals():
                    torch.load(path, "cpu", weights_only=True)
        except Exception:  # the libraries have many names for a damaged file
            yield f"{printable(path.relative_to(checkpoint).as_posix())} cannot be read"


def thin_out(folder: Path) -> list[Path]:
    """Leave the bare models of all checkpoints in ``folder`` but the newest; returns them all."""
    checkpoints = sorted(folder.glob("checkpoint-*"), key=step_of)
    for checkpoint in checkpoints[:-WHOLE_CHECKPOINTS]:
        status = checkpoint.stat()
        manifest.remove(checkpoint, RESUME_FILES)
        # The library finds the oldest checkpoint, the next to go, by this time.
        os.utime(checkpoint, ns=(status.st_atime_ns, status.st_mtime_ns))
    return checkpoints
