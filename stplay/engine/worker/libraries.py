"""The libraries of the engine: quiet, brought up step by step, and which they are."""

from __future__ import annotations

import gc
import os
import platform
from importlib import import_module
from importlib.metadata import version

from stplay import __version__
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.stopsignal import StopSignal
from stplay.jobs.events import StageProgressed

LIBRARIES = ("torch", "datasets", "transformers", "sentence_transformers")
PACKAGES = ("torch", "transformers", "sentence-transformers", "datasets", "tokenizers")


def quiet_libraries() -> None:
    """Keep the libraries' own progress bars out of the log, and idle threads off the cores.

    To be called before torch is imported: it is then that its threads learn how to wait.
    """
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # Beside another process, threads that spin while they wait take up to 20 times as long; alone,
    # those that never do take a fifth longer. GNU's, of which torch on Linux has its own, do a bit.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")


def import_libraries(stages: Stages, stop: StopSignal) -> None:
    """Import the libraries, which takes seconds, one stage step each.

    Raises:
        Stopped: a stop was asked for; an import is not broken off, as none survives that.
    """
    for done, name in enumerate(LIBRARIES):
        stop.check()
        stages.events.write(_importing(name, done))
        import_quickly(name)
    stages.events.write(_importing("", len(LIBRARIES)))
    # Their own bars would fill the log: the events tell the progress.
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def import_quickly(name: str) -> None:
    """Import a library; Python would look for garbage a sixth of the time, and there is none."""
    gc.disable()
    try:
        import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _importing(name: str, done: int) -> StageProgressed:
    stage = f"importing {name}" if name else "importing"
    return StageProgressed(stage=stage, done=done, total=len(LIBRARIES), unit="libraries")


def versions() -> dict[str, str]:
    """The versions that decide what is computed, by the name of the package."""
    return {
        "stplay": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
