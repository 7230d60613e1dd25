"""A file that is read as a whole, and again where it has changed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from stplay.errors import UserError
from stplay.jobs.events import Event, Replaced

MOST_BYTES = 1 << 27
LOOK_SECONDS = 1.0  # a shared disk is not asked ten times a second

Version = tuple[int, int]  # of a file: when it was changed, and how long it is


def text_of(path: Path) -> str:
    """The text of a file, whatever bytes it holds.

    Raises:
        UserError: it cannot be read, or is too long to be what it is taken for.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}.") from None
    if len(data) > MOST_BYTES:
        raise UserError(f"{path} has more than {MOST_BYTES >> 20} MiB, and is not read.")
    return data.decode("utf-8-sig", "replace")


def version_of(path: Path) -> Version | None:
    """Tells whether a file is another one than before; nothing where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


class WholeFiles:
    """Tells the events of files that others write anew, those only that were not told yet.

    ``paths`` are the files that count now, ``parse`` makes all events of them.
    """

    def __init__(
        self,
        paths: Callable[[], list[Path]],
        parse: Callable[[list[Path]], list[Event]],
    ) -> None:
        self._paths = paths
        self._parse = parse
        self._versions: dict[Path, Version | None] | None = None
        self._told: list[Event] = []
        self._looked = -LOOK_SECONDS
        self._gone = False

    def read(self) -> list[Event]:
        """The events that came since the last call; all anew where what was told has changed."""
        now = time.monotonic()
        if now < self._looked + LOOK_SECONDS:
            return []
        self._looked = now
        versions = {path: version_of(path) for path in self._paths()}
        self._gone = all(version is None for version in versions.values())
        if self._gone or versions == self._versions:
            return []
        try:
            events = self._parse([path for path, version in versions.items() if version])
        except UserError:
            if self._versions is None:
                raise
            return []  # it is being written; the next look finds it whole
        self._versions = versions
        told, self._told = self._told, events
        keys = [_content(event) for event in events]
        before = [_content(event) for event in told]
        if keys[: len(before)] == before:
            return events[len(before) :]
        # What was told last, such as how far it is, may change; the rest is no news.
        known = set(before)
        measured = {key for key in known if key[0] == "MetricsLogged"}
        if measured <= set(keys):
            return [event for event, key in zip(events, keys, strict=True) if key not in known]
        return [Replaced(), *events]

    def silence(self) -> float | None:
        """Seconds since any of the files was written; nothing where none is there any more."""
        if self._gone:
            return None
        newest = max(
            (version[0] for version in (self._versions or {}).values() if version), default=0
        )
        return max(0.0, time.time() - newest / 1e9) if newest else 0.0


def _content(event: Event) -> tuple[str, str]:
    """What an event tells, but for its time."""
    fields = (name for name in event.__struct_fields__ if name != "time")
    return type(event).__name__, repr([getattr(event, name) for name in fields])
