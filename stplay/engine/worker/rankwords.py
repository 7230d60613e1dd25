"""The last words of the processes that train together, and what is told of all of them."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec

from stplay.engine.worker.place import Place
from stplay.engine.worker.ranks import PeerLostError
from stplay.exitcodes import FAILED, INTERRUPTED, WRONG_INPUT
from stplay.jobs import process
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Event, RunFinished, WorkerStarted
from stplay.jobs.folders import EVENTS
from stplay.text import printable

FOLDER = "ranks"


class RankWord(msgspec.Struct, kw_only=True):
    """How the process of a rank, of so many, has ended on ``host``."""

    rank: int
    size: int
    host: str
    finished: RunFinished

    @property
    def is_of_another(self) -> bool:
        """Whether it ended only because another one had."""
        return PeerLostError.__name__ in (self.finished.error or "")


class RankEvents:
    """Where the events of one of several processes go: the first's into the log, others' nowhere.

    Which process is at work, and how all of it ends, their launcher tells: each leaves it a word.
    """

    def __init__(self, folder: Path, place: Place) -> None:
        self.folder, self.place = folder, place
        self._log = EventWriter(folder / EVENTS) if place.rank == 0 else None

    def write(self, event: Event) -> None:
        """Take ``event``.

        Raises:
            OSError: the disk is full.
        """
        if isinstance(event, RunFinished):
            self._leave(event)
        elif self._log is not None and not isinstance(event, WorkerStarted):
            self._log.write(event)

    def _leave(self, finished: RunFinished) -> None:
        place = self.place
        word = RankWord(rank=place.rank, size=place.size, host=platform.node(), finished=finished)
        path = self.folder / FOLDER / f"{place.restarts}" / f"{place.rank}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(msgspec.json.encode(word))
        partial.replace(path)  # whole, or not there


def words_of(folder: Path, restarts: int) -> list[RankWord]:
    """What was left by the processes that trained in ``folder`` after so many restarts, by rank."""
    paths = (folder / FOLDER / f"{restarts}").glob("*.json")
    words = [msgspec.json.decode(path.read_bytes(), type=RankWord) for path in paths]
    return sorted(words, key=lambda word: word.rank)


def taken_words(folder: Path) -> list[RankWord]:
    """What was left by those that were started last and left any; it is gone then."""
    restarts = [int(path.name) for path in (folder / FOLDER).glob("*")]
    words = words_of(folder, max(restarts)) if restarts else []
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    return words


def is_final(words: list[RankWord]) -> bool:
    """Whether a restart would change nothing: a mistake was told, or all have stopped."""
    outcomes = [word.finished.outcome for word in words]
    all_stopped = outcomes == ["stopped"] * words[0].size if words else False
    return all_stopped or any(word.finished.exit_code == WRONG_INPUT for word in words)


def last_word_of_all(
    words: list[RankWord], codes: Mapping[int, int], advice: str, *, was_asked: bool
) -> RunFinished:
    """How a training has ended whose processes left ``words``.

    ``codes`` are the exit codes of those that failed, by their ranks. Whoever failed first decides,
    and not those that could not go on without it. Where the training ``was_asked`` to stop, a
    process that did so by itself was no failure. ``advice`` tells what to do where one was killed.
    """
    faults = [word for word in words if word.finished.outcome == "failed"]
    own = [word for word in faults if not word.is_of_another]
    if own:
        errors = [word.finished.error for word in own]
        is_of_all = len(own) == own[0].size and len({*errors}) == 1
        return own[0].finished if is_of_all else _told_of(own[0])
    size = words[0].size if words else max(1, len(codes))
    silent = sorted({*range(size), *codes} - {word.rank for word in words})
    if was_asked and (silent or words[0].finished.outcome != "completed"):
        return RunFinished(outcome="stopped", exit_code=INTERRUPTED)
    if not silent:
        return _told_of(faults[0]) if faults else words[0].finished
    rank = next((rank for rank in silent if rank in codes), silent[0])
    ended = "ended without a last word"
    if rank in codes:
        ended = process.ended_words(codes[rank])
    error = f"Process {rank} of the training {ended}; {advice}"
    return RunFinished(outcome="failed", exit_code=FAILED, error=error)


def _told_of(word: RankWord) -> RunFinished:
    who = f"Process {word.rank} of {word.size}, on {printable(word.host)}"
    return msgspec.structs.replace(word.finished, error=f"{who}: {word.finished.error}")
