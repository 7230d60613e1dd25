"""Places to watch: told by what is there, not by what they are called."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from stplay.errors import UserError
from stplay.filecontents import GZIP
from stplay.foreign import cardreader, evaluatorcsv, tensorboardlog, trainerfolder
from stplay.foreign.foreignsource import ForeignSource, PlaceReader
from stplay.foreign.printedoutput import PrintedFile, PrintedPipe
from stplay.foreign.wholefile import WholeFiles, text_of, version_of
from stplay.jobs import folders
from stplay.jobs.events import Event
from stplay.runs.run import Run
from stplay.sources.names import HubName, PathName, RunName, parse
from stplay.sources.paths import expanded, holds, is_path, resolved
from stplay.text import printable

STDIN = "-"
CARD = "README.md"
HEAD_BYTES = 1 << 12

Begin = Callable[[], PlaceReader]


class WatchedPlace(NamedTuple):
    """What is watched, and what else its name could have meant; nothing where it is clear."""

    source: Run | ForeignSource
    also: str = ""


def place(name: str) -> WatchedPlace:
    """The training at the place ``name``: a run, a path, a repository of the Hub, or ``-``.

    Raises:
        UserError: nothing is there that can be read.
    """
    if name == STDIN:
        return WatchedPlace(ForeignSource("stdin", "the standard input", _pipe))
    named = RunName.of(name)
    if named is not None:
        return WatchedPlace(Run.find(named.run))
    path = expanded(name)
    is_run = any(folder.name == name for folder in folders.every())
    there = bool(name) and holds(path.exists)
    if is_run:
        also = f"{name} is a run's name and a path; this is the run, and ./{name} the path."
        return WatchedPlace(Run.find(name), also if there else "")
    if there:
        return _of_path(path, name)
    match parse(name):
        case HubName(repository, revision):
            begin = partial(card, _hub_card(repository, revision))
            return WatchedPlace(ForeignSource(repository, repository, begin))
        case PathName() as missing if is_path(name):
            raise UserError(f"There is no {printable(str(missing.path))}.")
    raise UserError(
        f"Nothing called {printable(name)!r} can be watched: it is no run of stplay runs, "
        "no path, no name such as org/model on the Hub, and no - for what is piped in."
    )


def _of_path(path: Path, name: str) -> WatchedPlace:
    called = resolved(path).name or name
    try:
        if path.is_dir():
            if holds((path / folders.EVENTS).is_file):
                return WatchedPlace(Run(resolved(path)))
            kinds = _kinds(path)
            if not kinds:
                raise UserError(
                    f"{printable(name)} has nothing to watch: no checkpoint of a Trainer, "
                    "no TensorBoard event file, no model card (README.md), no CSV of an evaluator."
                )
            kind, *others = kinds
            also = f"{printable(name)} is watched as {kind}"
            also = f"{also}; it also has {' and '.join(others)}." if others else ""
            return WatchedPlace(ForeignSource(called, name, kinds[kind]), also)
        return WatchedPlace(ForeignSource(called, name, _file(path)))
    except OSError as error:
        raise UserError(f"{printable(name)} cannot be read: {error.strerror}.") from None


def _kinds(folder: Path) -> dict[str, Begin]:
    """What a folder can be watched as, the best first."""
    kinds: dict[str, Begin] = {}
    if trainerfolder.newest_state(folder) is not None:
        kinds["a Trainer's output folder"] = partial(trainerfolder.trainer_folder, folder)
    if tensorboardlog.event_folders(folder):
        kinds["TensorBoard event files"] = partial(tensorboardlog.TensorBoardLog, folder)
    if holds((folder / CARD).is_file):
        kinds["a model card (README.md)"] = partial(card, folder / CARD)
    if trainerfolder.evaluators(folder) and not kinds:
        kinds["evaluators' CSV files"] = partial(trainerfolder.trainer_folder, folder)
    return kinds


def _file(path: Path) -> Begin:
    """How a file is read, by how it begins."""
    if stat.S_ISFIFO(path.stat().st_mode):
        raise UserError(f"{path} is a pipe; watch it with: stplay watch - < {path}")
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    if tensorboardlog.MARK in path.name:
        return partial(tensorboardlog.TensorBoardLog, path.parent)
    if head.startswith(GZIP) or b"\0" in head:
        raise UserError(f"{path} is no text, and no TensorBoard event file by its name.")
    text = head.decode("utf-8-sig", "replace")
    if path.suffix == ".json" or (text.lstrip()[:1] == "{" and '"log_history"' in text):
        return partial(trainerfolder.state_file, path)
    if evaluatorcsv.is_evaluator_csv(text):
        return partial(trainerfolder.state_file, path)
    if path.suffix.casefold() in (".md", ".markdown") or _is_card(path, text):
        return partial(card, path)
    return partial(PrintedFile, path)


def _is_card(path: Path, head: str) -> bool:
    """Whether a file is a model card, whatever it is called: one begins with its YAML head."""
    return head.startswith("---") and "sentence-transformers" in head and path.suffix != ".out"


def card(path: Path) -> WholeFiles:
    """Reads the model card ``path``."""

    def events(paths: list[Path]) -> list[Event]:
        version = version_of(path)
        written = version[0] / 1e9 if version else None
        return cardreader.card_events(text_of(path), str(path), written)

    return WholeFiles(lambda: [path], events)


def _hub_card(repository: str, revision: str | None) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repository, CARD, revision=revision))
    except LocalEntryNotFoundError:
        reason = "the Hub cannot be reached, and it is not in the cache"
    except HfHubHTTPError as error:
        reason = str(error).partition("\n")[0]
    except (OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
    raise UserError(f"The model card of {repository} cannot be had from the Hub: {reason}.")


def _pipe() -> PrintedPipe:
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError("Nothing is piped in; use it so: python train.py 2>&1 | stplay watch -")
    return PrintedPipe(os.dup(sys.stdin.fileno()))
