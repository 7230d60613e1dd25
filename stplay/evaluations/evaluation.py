"""An evaluation on disk: create, launch, cancel, reopen and list."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import msgspec

from stplay import home
from stplay.errors import UserError
from stplay.evaluations.results import EvaluatedModel, EvaluatedSplit, Scores, Summary, Triplets
from stplay.jobs import folders
from stplay.jobs.events import Event, StageProgressed
from stplay.jobs.job import SILENCE_SECONDS, Job
from stplay.jobs.worklog import WorkLog
from stplay.sources.datasources import Column, data_source
from stplay.sources.modelsources import model_source
from stplay.sources.names import RunName, absolute
from stplay.text import printable

SUMMARY = "summary.json"
KEPT_SECONDS = 7 * 86400.0
CANCELLED = "Cancelled; the partial result is thrown away."
ENCODING_STAGE = "encoding with "

Struct = TypeVar("Struct", bound=msgspec.Struct)
File = TypeVar("File", Triplets, Scores)


class Request(msgspec.Struct):
    """What to evaluate: models by name on splits of data; no ``splits`` means dev and test.

    ``limit`` takes the first rows of each split only, ``truncate_dim`` the first numbers of each
    embedding (Matryoshka); ``write_card`` puts the figures into the models' own cards. ``columns``
    has the data's own names of those columns that have no usual one.
    """

    models: list[str]
    data: str
    splits: list[str] = []
    limit: int | None = None
    truncate_dim: int | None = None
    allow_pickle: bool = False
    write_card: bool = False
    columns: dict[Column, str | list[str]] = {}


@dataclass
class EvaluationLog(WorkLog):
    """What is known of an evaluation at work."""

    _begin: tuple[float, int] | None = None
    _last: tuple[float, int] | None = None

    def begin_again(self) -> None:
        """A process was started, for the first time or once more."""
        super().begin_again()
        self._begin = self._last = None

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        super().apply(event)
        if isinstance(event, StageProgressed) and event.stage.startswith(ENCODING_STAGE):
            self.status = "running"
            self._last = (event.time, event.done)
            self._begin = self._begin or self._last

    def seconds_left(self) -> float | None:
        """The time to the last sentence at the pace so far."""
        if not (self._begin and self._last and self.stage and self.stage.total):
            return None
        (begin, first), (now, done) = self._begin, self._last
        if done <= first:
            return None
        return (self.stage.total - done) * (now - begin) / (done - first)


class Evaluation(Job[EvaluationLog]):
    """One evaluation: a folder with its request, event log, triplets, scores and summary."""

    module = "stplay.engine.evaluate"
    process_title = "evaluation process"
    log_type = EvaluationLog

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.request_path = folder / "request.json"
        self.summary_path = folder / SUMMARY
        self.work_folder = folder / "embeddings"

    @classmethod
    def create(cls, request: Request) -> Evaluation:
        """A new evaluation folder; what those that failed have left is swept.

        Raises:
            UserError: the folder cannot be made, or there is no model, or none of such a name.
        """
        if not request.models:
            raise UserError("Name at least one model to evaluate.")
        for model in request.models:
            with suppress(folders.DamagedError):  # told beside the others' figures
                model_source(model)
        folder = home.evaluations_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in _folders():
                _sweep(cls(left))
            label = data_source(request.data).label
            data = absolute(request.data, Path.cwd())
            models = dict.fromkeys(absolute(model, Path.cwd()) for model in request.models)
            asked = msgspec.structs.replace(request, data=data, models=[*models])
            request_json = msgspec.json.encode(asked)
            evaluation = cls(folders.next_folder(folder, label))
            evaluation.request_path.write_bytes(request_json)
            evaluation.events_path.touch()
        except UnicodeEncodeError:
            raise UserError("The name of a model, data or split is not UTF-8 text.") from None
        except OSError as error:
            raise UserError(f"No evaluation can be made in {folder}: {error.strerror}.") from None
        return evaluation

    @classmethod
    def find(cls, id_: str) -> Evaluation:
        """The finished evaluation called ``id_``.

        Raises:
            UserError: there is none; names those that are.
        """
        found = cls.every()
        for evaluation in found:
            if evaluation.id == id_:
                return evaluation
        names = ", ".join(evaluation.id for evaluation in found[:5])
        there = f"The newest: {names}." if names else "There are none yet."
        raise UserError(f"There is no finished evaluation {printable(id_)!r}. {there}")

    @classmethod
    def every(cls) -> list[Evaluation]:
        """All finished evaluations, the newest first."""
        dated = [
            ((path / SUMMARY).stat().st_mtime, path)
            for path in _folders()
            if (path / SUMMARY).is_file()
        ]
        return [cls(path) for _, path in sorted(dated, reverse=True)]

    @classmethod
    def running(cls) -> Evaluation | None:
        """An evaluation that is known to be at work, where there is one."""
        unfinished = [cls(path) for path in _folders() if not (path / SUMMARY).is_file()]
        known = ("starting", "running")
        return next((each for each in unfinished if each.read_log().status in known), None)

    @property
    def title(self) -> str:
        """What people call this evaluation."""
        return f"The evaluation {self.id}"

    @property
    def advice(self) -> str:
        """What to do where its process is gone."""
        return "nothing else is lost: try again"

    def stopping_words(self, log: EvaluationLog) -> str:
        """What to tell whoever asked it to stop."""
        return "Cancelling the evaluation."

    def request(self) -> Request:
        """What was asked for.

        Raises:
            UserError: the folder was damaged or removed.
        """
        return self._read(self.request_path, Request)

    def summary(self) -> Summary:
        """What was found; decoded once, until the file is another.

        Raises:
            UserError: it has not finished, or the folder was damaged or removed.
        """
        found = self._read(self.summary_path, Summary)
        if not (found.rated() and found.splits):  # no process of ours calls that a result
            raise _damaged(self.summary_path)
        return found

    def _read(self, path: Path, kind: type[Struct]) -> Struct:
        try:
            facts = path.stat()
            return _decoded(path, kind, (facts.st_ino, facts.st_mtime_ns, facts.st_size))
        except FileNotFoundError:
            raise UserError(f"{self.title} has no {path.name}; evaluate again.") from None
        except OSError as error:
            raise _unreadable(path, error) from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _damaged(path) from None

    def triplets_path(self, split: int) -> Path:
        """Where the triplets of a split are kept, by its place in the summary."""
        return self.folder / f"triplets-{split + 1}.parquet"

    def scores_path(self, model: int, split: int) -> Path:
        """Where the scores of a model on a split are kept, by their places in the summary."""
        return self.folder / f"scores-{model + 1}-{split + 1}.parquet"

    def triplets(self, split: str) -> Triplets:
        """The triplets of ``split``.

        Raises:
            UserError: the file is damaged or gone.
        """
        splits = self.summary().splits
        place = _place(splits, split)
        return self._open(self.triplets_path(place), Triplets, splits[place].rows)

    def scores(self, model: str, split: str) -> Scores:
        """The scores that ``model`` gave the triplets of ``split``.

        Raises:
            UserError: the model has no figures, or the file is damaged or gone.
        """
        summary = self.summary()
        model_place, split_place = _place(summary.models, model), _place(summary.splits, split)
        if error := summary.models[model_place].error:
            raise UserError(f"{printable(model)} has no figures: {error}")
        rows = summary.splits[split_place].rows
        return self._open(self.scores_path(model_place, split_place), Scores, rows)

    def _open(self, path: Path, kind: type[File], rows: int) -> File:
        from pyarrow import ArrowException

        try:
            if path.exists():
                path.open("rb").close()  # pyarrow would not say why it cannot
        except OSError as error:
            raise _unreadable(path, error) from None
        try:
            opened = kind(path)
        except (OSError, ArrowException):
            raise _damaged(path) from None
        if len(opened) != rows:  # of another evaluation, or of other rows
            raise _damaged(path)
        return opened

    def remove_partial_results(self) -> None:
        """Remove the large files of one that did not finish; what was asked and told stays."""
        self.summary_path.unlink(missing_ok=True)  # first: without its files it is none
        for path in self.folder.glob("*.parquet"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.work_folder, ignore_errors=True)

    def discard(self) -> None:
        """Remove the folder and all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)


@lru_cache(maxsize=256)
def _decoded(path: Path, kind: type[Struct], state: tuple[int, int, int]) -> Struct:
    """What is in a file, which is read once as long as its ``state`` is the same."""
    return msgspec.json.decode(path.read_bytes(), type=kind)


def _damaged(path: Path) -> UserError:
    return UserError(f"{printable(str(path))} is damaged; evaluate again.")


def _unreadable(path: Path, error: OSError) -> UserError:
    """That the system does not let a file be read, which is no damage of the file."""
    reason = error.strerror or error
    return UserError(f"{printable(str(path))} cannot be read: {reason}; or evaluate again.")


def _place(parts: Sequence[EvaluatedModel | EvaluatedSplit], name: str) -> int:
    names = [part.split if isinstance(part, EvaluatedSplit) else part.name for part in parts]
    if name not in names:
        raise UserError(f"The evaluation has no {printable(name)}; it has {', '.join(names)}.")
    return names.index(name)


def with_checkpoints(models: Sequence[str]) -> list[str]:
    """``models``, each run followed by all its kept checkpoints, the first step first.

    Damaged ones too, so that they are told and not left out.

    Raises:
        UserError: one of them is no run, or kept nothing.
    """
    found = []
    for model in models:
        name = RunName.of(model)
        if name is None:
            raise UserError(f"{printable(model)} is no run, so it has no checkpoints.")
        folder = folders.find(name.run)
        saved = folders.saved_checkpoints(folder).items()
        steps = [str(RunName(name.run, str(step))) for step, path in saved if path.is_dir()]
        final = [str(RunName(name.run))] if (folder / "model").is_dir() else []
        if not steps and not final:
            raise UserError(f"The run {name.run} has kept no checkpoint yet.")
        found += steps + final
    return found


def _sweep(left: Evaluation) -> None:
    """Remove what an evaluation that came to nothing has left, and a week later all of it.

    Its log is kept meanwhile, as a sentence may name it. What is at work is left alone, and so is
    what a process on another host began and has not ended: nobody here can tell whether it will
    go on.
    """
    if left.summary_path.is_file():
        return
    if left.read_log().active:
        return
    try:
        # A folder is made before its log: another start may be at it right now.
        last = left.events_path if left.events_path.is_file() else left.folder
        silence = time.time() - last.stat().st_mtime
    except OSError:  # another start has removed it
        return
    if silence > KEPT_SECONDS:
        left.discard()
    elif silence > SILENCE_SECONDS:
        left.remove_partial_results()


def _folders() -> list[Path]:
    try:
        return [path for path in home.evaluations_folder().iterdir() if path.is_dir()]
    except OSError:
        return []
