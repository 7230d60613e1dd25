"""What a run's checkpoints and its model take of the disk."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

KEPT_IN = ("checkpoints", "model")


class DiskUse(msgspec.Struct, array_like=True):
    """The ``size`` of the files when the folders that hold them last ``changed``."""

    changed: list[int] = []
    size: int = 0

    def look(self, folder: Path, *, afresh: bool) -> int:
        """What the files in ``folder``, a run's, have, looked at ``afresh`` or where it changed.

        What is done to the files of a checkpoint that is kept is seen by the former alone.
        """
        changed = [_changed(folder / name) for name in KEPT_IN]
        if afresh or changed != self.changed:
            self.changed = changed
            self.size = sum(folder_bytes(folder / name) for name in KEPT_IN)
        return self.size


def folder_bytes(folder: Path) -> int:
    """What all files in ``folder`` have, as far as it can be looked into; 0 where there is none."""
    return sum(sizes(folder))


def _changed(folder: Path) -> int:
    """When something was last added to ``folder``, or removed; 0 where there is none."""
    try:
        return folder.stat().st_mtime_ns
    except OSError:
        return 0


def sizes(folder: Path | str) -> Iterator[int]:
    """The sizes of all files in ``folder``, as far as it can be looked into."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from sizes(entry.path)
            else:
                yield entry.stat(follow_symlinks=False).st_size
