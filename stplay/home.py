"""Where stplay keeps its files: platformdirs decides, ``STPLAY_HOME`` moves everything."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import PlatformDirs


def _folder(kind: str) -> Path:
    home = os.environ.get("STPLAY_HOME")
    if home:
        return Path(home).expanduser().absolute() / kind
    # Only the one that is asked for: to look for another can be a warning.
    return getattr(PlatformDirs("stplay", appauthor=False), f"user_{kind}_path")


def environment() -> dict[str, str]:
    """The environment for a process of ours that works in another folder."""
    home = os.environ.get("STPLAY_HOME")
    return {
        **os.environ,
        **({"STPLAY_HOME": str(Path(home).expanduser().absolute())} if home else {}),
    }


def runs_folder() -> Path:
    """The folder that holds one folder a run; it may not exist yet."""
    return _folder("data") / "runs"


def evaluations_folder() -> Path:
    """The folder that holds one folder an evaluation; it may not exist yet."""
    return _folder("data") / "evaluations"


def settings_file() -> Path:
    """The file of the user's settings; it may not exist."""
    return _folder("config") / "settings.toml"


def app_log() -> Path:
    """The file that takes the story of what broke in the app; it may not exist yet."""
    return _folder("data") / "app.log"


def typed_file() -> Path:
    """The file that keeps what was last typed in Explore; it may not exist yet."""
    return _folder("data") / "explore.txt"


def cache_folder() -> Path:
    """The folder of made and computed things, such as the built-in model; it may not exist yet."""
    return _folder("cache")


def runtime_folder() -> Path:
    """The folder of what lasts as long as a process, such as sockets; it may not exist yet."""
    return _folder("runtime")


def is_gone() -> bool:
    """Whether the folder that ``STPLAY_HOME`` names was removed."""
    home = os.environ.get("STPLAY_HOME")
    return bool(home) and not Path(home).expanduser().is_dir()
