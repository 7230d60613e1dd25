"""Names that are paths, or may be: whatever was typed, asking the disk about it is no fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path


def is_path(name: str) -> bool:
    """Whether ``name`` can only be a path."""
    return name.startswith((".", "/", "~")) or "\\" in name or Path(name).is_absolute()


def expanded(name: str) -> Path:
    """``name`` as a path, ``~`` replaced where that home is known."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def resolved(path: Path) -> Path:
    """``path`` without links and dots, as far as it can be followed."""
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle, or no path at all
        return path


def holds(check: Callable[[], bool]) -> bool:
    """What ``check`` says of a path; false where the path is too long, unreadable or no path."""
    try:
        return check()
    except (OSError, ValueError):
        return False


def public_name(name: str) -> str:
    """``name`` for others to read: of a path, which means something here only, the last part."""
    return Path(name).name if is_path(name) else name
