"""An index beside the logs of runs: what was found in each, so that only what is new is read.

It is never trusted over a log. Where it is damaged, gone, of another version or cannot be written,
all that it costs is time.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec

from stplay import __version__, home
from stplay.jobs import folders
from stplay.jobs.eventlog import EventReader
from stplay.quantities import Whole
from stplay.runs.diskuse import DiskUse
from stplay.runs.rundigest import RunDigest

INDEX = ".index"
ENDING_BYTES = 256
WORTH_KEEPING = 1 << 18  # bytes of logs, which take some hundredths of a second


class ReadLog(msgspec.Struct, array_like=True):
    """What is known of a log up to the byte ``offset``, read when its file was as told here.

    ``ending`` is what stands before ``offset``: where it does no more, the log is another one.
    """

    inode: int = 0
    size: int = 0
    modified: int = 0
    offset: Whole = 0
    ending: bytes = b""
    digest: RunDigest = msgspec.field(default_factory=RunDigest)
    disk: DiskUse = msgspec.field(default_factory=DiskUse)

    def read_on(self, path: Path) -> int:
        """Fold in what has come to the log at ``path``; returns how many bytes were read.

        Raises:
            FileNotFoundError: it is gone.
        """
        found = path.stat()
        told = self.inode, self.size, self.modified
        if (found.st_ino, found.st_size, found.st_mtime_ns) == told:
            return 0
        if found.st_ino != self.inode or _ending(path, self.offset) != self.ending:
            self.offset, self.digest = 0, RunDigest()
        self.disk = DiskUse()
        begin, reader = self.offset, EventReader(path, self.offset)
        while events := reader.read():
            self.digest.fold(events)
        self.inode, self.size, self.modified = found.st_ino, found.st_size, found.st_mtime_ns
        self.offset, self.ending = reader.offset, _ending(path, reader.offset)
        return max(0, self.offset - begin)


def _ending(path: Path, offset: int) -> bytes:
    """The last bytes before ``offset``."""
    with path.open("rb") as file:
        file.seek(max(0, offset - ENDING_BYTES))
        return file.read(min(offset, ENDING_BYTES))


class Index(msgspec.Struct, array_like=True):
    """The file's content: the version that wrote it, and what is known of each run's log."""

    version: str = __version__
    logs: dict[str, ReadLog] = {}


class RunIndex:
    """What is known of all runs; each look reads only what has come since the one before."""

    def __init__(self) -> None:
        self.path = home.runs_folder() / INDEX
        self._logs: dict[str, ReadLog] | None = None
        self._unkept = 0

    def look(self) -> Iterator[tuple[Path, ReadLog]]:
        """The folder of each run with what is known of its log, the one that changed last first."""
        before = self._kept() if self._logs is None else self._logs
        self._logs = {}
        for folder in folders.every():
            log = before.get(folder.name) or ReadLog()
            try:
                self._unkept += log.read_on(folder / folders.EVENTS)
            except FileNotFoundError:  # deleted meanwhile
                continue
            self._logs[folder.name] = log
            yield folder, log
        if self._unkept >= WORTH_KEEPING:
            self._keep(Index(logs=self._logs))

    def _kept(self) -> dict[str, ReadLog]:
        try:
            index = msgspec.msgpack.decode(self.path.read_bytes(), type=Index)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return index.logs if index.version == __version__ else {}

    def _keep(self, index: Index) -> None:
        partial = self.path.with_name(f"{INDEX}.{os.getpid()}")
        with suppress(OSError, UnicodeEncodeError):
            try:
                partial.write_bytes(msgspec.msgpack.encode(index))
                partial.replace(self.path)
            finally:
                partial.unlink(missing_ok=True)
        self._unkept = 0
