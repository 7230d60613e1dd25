"""THE grammar of the names of models and data: taken apart and put together here, nowhere else."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import NamedTuple

from stplay.sources.paths import expanded, holds, is_path, resolved

TINY = "builtin:tiny"
MINILM = "builtin:minilm"
SAMPLE = "builtin:sample"
ALL_NLI = "all-nli"
DATA_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
PACKED = ".gz"

_BUILT_IN, _RUN, _AT = "builtin:", "run:", "@"
_HUB_NAME = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w./-]+))?")


class Reserved(NamedTuple):
    """A name to which stplay itself gives a meaning: ``all-nli``, ``builtin:`` and a word."""

    name: str


class RunName(NamedTuple):
    """``run:<id>``, a run's final model, or ``run:<id>@<step>``, a checkpoint of its.

    There need be no such run, and ``step`` is as it was typed.
    """

    run: str
    step: str | None = None

    def __str__(self) -> str:
        return f"{_RUN}{self.run}" + (f"{_AT}{self.step}" if self.step is not None else "")

    @classmethod
    def of(cls, name: str) -> RunName | None:
        """What ``name`` says of a run; nothing where it is no run's. Does not look at the disk."""
        if not name.startswith(_RUN):
            return None
        run, at, step = name.removeprefix(_RUN).partition(_AT)
        return cls(run, step if at else None)


class PathName(NamedTuple):
    """A path, relative ones from the folder that was given; there need be nothing."""

    path: Path


class HubName(NamedTuple):
    """``org/name`` or ``org/name@revision``: a repository of the Hub's."""

    repository: str
    revision: str | None = None

    def __str__(self) -> str:
        return self.repository + (f"{_AT}{self.revision}" if self.revision is not None else "")


def parse(name: str, folder: Path = Path()) -> Reserved | RunName | PathName | HubName | None:
    """What ``name`` is, or nothing where it has no known form; relative paths start at ``folder``.

    What is on the disk is meant, even where the Hub could have something of that name.
    """
    if name == ALL_NLI or name.startswith(_BUILT_IN):
        return Reserved(name)
    if run := RunName.of(name):
        return run
    path = folder / expanded(name)
    if name and (is_path(name) or kind_of_file(name) in DATA_SUFFIXES or holds(path.exists)):
        return PathName(path)
    match = _HUB_NAME.fullmatch(name)
    return HubName(match["repository"], match["revision"]) if match else None


def kind_of_file(name: str) -> str:
    """The suffix that says what a file holds, in small letters and without that of gzip."""
    return PurePath(name.lower().removesuffix(PACKED)).suffix


def stem_of_file(name: str) -> str:
    """What a file is called, without its folder and the suffixes that say what it holds."""
    name = PurePath(name).name
    return PurePath(name[: -len(PACKED)] if name.lower().endswith(PACKED) else name).stem


def absolute(name: str, folder: Path) -> str:
    """``name`` itself, or its absolute path where it means a path relative to ``folder``."""
    match parse(name, folder):
        case PathName(path):
            return str(resolved(path))
    return name
