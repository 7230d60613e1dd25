"""What of a name is a machine that ssh knows, and which machines its configuration names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stplay import lines
from stplay.errors import UserError
from stplay.jobs import folders
from stplay.sources.names import Reserved, RunName, parse
from stplay.sources.paths import expanded, holds, is_path
from stplay.text import clipped, printable

MOST_INCLUDED = 16  # files deep, as ssh itself follows them
_PLACE = re.compile(r"(?P<destination>(?:[^@/:]+@)?\[[^\]/]+\]|[^/:]+):(?P<path>.*)", re.DOTALL)
_URL = re.compile(r"(?P<destination>ssh://[^/\s]+)(?P<path>/.*)?", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]?")
_DESTINATION = re.compile(r"(?:ssh://)?(?:[\w.+][\w.+-]*@)?(?:[\w.][\w.%-]*|\[[\w:.%]+\])(?::\d+)?")
_LINE = re.compile(r"(?P<keyword>[A-Za-z]+)\s*(?:=|\s)\s*(?P<rest>.*)")  # of a configuration
_HOST_ALONE = re.compile(r"[^@/:\s]+@[^@/:\s]+")


class RemotePlace(NamedTuple):
    """A ``path`` on the machine that ssh calls ``destination``; all its runs where it is empty.

    A path that is not absolute begins in the home of the user there.
    """

    destination: str
    path: str

    def __str__(self) -> str:
        return f"{self.destination}:{self.path}" if self.path else self.destination


def remote_place(name: str) -> RemotePlace | None:
    """The place on another machine that ``name`` means; nothing where it means none.

    ``host:path``, ``user@host:path``, ``ssh://host/path``, ``host:`` and ``user@host`` do, and the
    name of a host in the configuration of ssh. What is a path here, or a run, does not.

    Raises:
        UserError: the host would be an option of ssh, or has signs that no host has.
    """
    if not name or isinstance(parse(name), Reserved | RunName):
        return None
    if (is_path(name) and not name.startswith("-")) or holds(expanded(name).exists):
        return None
    if found := _URL.fullmatch(name):
        path = found["path"] or ""
        return _checked(found["destination"], path[1:] if path[:2] in ("/", "/~") else path)
    if _DRIVE.match(name) and (len(name) < 3 or name[2] in "\\/"):
        return None
    if found := _PLACE.fullmatch(name):
        return _checked(found["destination"], found["path"])
    is_run = any(folder.name == name for folder in folders.every())
    if _HOST_ALONE.fullmatch(name) or (name in configured_hosts() and not is_run):
        return _checked(name, "")
    return None


def _checked(destination: str, path: str) -> RemotePlace:
    shown = clipped(printable(destination), 80)
    if destination.startswith("-") or destination.removeprefix("ssh://").startswith("-"):
        raise UserError(f"{shown} looks like an option of ssh, and is not taken for a host.")
    if not _DESTINATION.fullmatch(destination):
        raise UserError(f"{shown} is not the name of a host; name it as: user@host:path")
    if "\0" in path:
        raise UserError(f"The path on {shown} has a zero byte, which no path has.")
    if path == "~" or path.startswith("~/"):  # what is not absolute begins there
        path = path[2:].lstrip("/") or "."
    return RemotePlace(destination, path)


def configured_hosts(path: Path | None = None) -> list[str]:
    """The hosts that the user's configuration of ssh names, in its order; patterns are none."""
    file = path or Path("~/.ssh/config").expanduser()
    return list(dict.fromkeys(_hosts_of(file, file.parent, MOST_INCLUDED)))


def _hosts_of(file: Path, folder: Path, depth: int) -> Iterator[str]:
    text = ""
    with suppress(OSError):
        text = file.read_text(encoding="utf-8", errors="replace")
    for line in lines.split(text):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            continue
        keyword, rest = found["keyword"].casefold(), found["rest"]
        try:
            words = shlex.split(rest, comments=True)
        except ValueError:  # a quotation without its end: ssh will say so
            continue
        if keyword == "host":
            yield from (word for word in words if _DESTINATION.fullmatch(word))
        elif keyword == "include" and depth:
            for word in words:
                included = folder / expanded(word)
                for each in sorted(Path(included.anchor).glob(str(included.relative_to("/")))):
                    yield from _hosts_of(each, folder, depth - 1)
