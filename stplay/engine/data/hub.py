"""Models and data from the Hugging Face Hub, through its own client and into its own cache.

What is pinned to a commit and in the cache is taken from there without a request. The rest is
asked for, and where the Hub does not answer, what the cache holds of that revision has to do.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from huggingface_hub import (
    HfApi,
    HfFileSystem,
    constants,
    errors,
    get_cached_repo_tree,
    snapshot_download,
)
from huggingface_hub.utils import tqdm as hub_tqdm
from huggingface_hub.utils import validate_repo_id

from stplay.engine.data.repofiles import READABLE, Layout, layout, model_files, read_card
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.sources.datasources import DataSource
from stplay.sources.modelfolders import pickle_refusal
from stplay.sources.modelsources import ModelSource
from stplay.sources.names import DATA_SUFFIXES, MINILM, SAMPLE, TINY, kind_of_file
from stplay.text import printable

ANSWER_SECONDS = 5.0
STREAMED_BYTES = 1 << 18
# The client's own pieces of 10 MiB look like a hang on a slow line; it offers no other switch.
constants.DOWNLOAD_CHUNK_SIZE = 1 << 20

# The client's HTTP library has had several names; its errors are the first base of the client's.
NETWORK_ERRORS: tuple[type[Exception], ...] = (errors.HfHubHTTPError.__bases__[0], ConnectionError)

_COMMIT = re.compile(r"[0-9a-f]{40}")
_INSTEAD = {
    "model": f"{TINY}, {MINILM} or a model folder",
    "dataset": f"{SAMPLE} or a {', '.join(DATA_SUFFIXES)} file or folder",
}


def model_folder(source: ModelSource, allow_pickle: bool, stages: Stages) -> tuple[Path, str]:
    """The folder of a Hub model, downloaded on first use, and its commit.

    Raises:
        UserError: there is no such model or no way to it, or it has only a pickle checkpoint
            while ``allow_pickle`` is false.
    """
    stages.progress(f"looking for {source.place}")
    repository = _repository("model", source.place, source.revision)
    names, pickles = model_files(repository.sizes)
    # Stricter than the library, which reads a pickle wherever there is nothing safer.
    if pickles and not allow_pickle:
        raise pickle_refusal(f"The Hub model {source.place}")
    # What the library loads has weights in one of these forms, but for a bag of words.
    if not pickles and not any(re.search(r"\.safetensors$|^0_BoW/", name) for name in names):
        raise repository.lacks(f"The Hub model {source.place} has no weights.")
    return repository.fetch(names + pickles, stages), repository.commit


class DataFiles(NamedTuple):
    """The files of one split, and the number of its rows where the data set's card tells it."""

    repository: Repository
    names: list[str]
    rows: int | None

    def download(self, stages: Stages) -> None:
        """Bring the files into the Hub's cache."""
        self.repository.fetch(self.names, stages)

    def open(self) -> Iterator[tuple[str, BinaryIO]]:
        """Each file in turn with its name; what is not in the cache is read over the network."""
        for name in self.names:
            with self.repository.open(name) as file:
                yield printable(f"{self.repository.name}/{name}"), file


def split_names(source: DataSource, stages: Stages) -> list[str]:
    """The names of a data set's splits; only its card is downloaded.

    Raises:
        UserError: there is no such data set or configuration, or no way to it.
    """
    _, found = _layout(source, stages)
    return list(found.splits)


def data_files(source: DataSource, aliases: tuple[str, ...], stages: Stages) -> DataFiles:
    """The files of the split that one of ``aliases`` names; only the card is downloaded.

    Raises:
        UserError: there is no such data set, configuration or split, or no way to it.
    """
    repository, (splits, rows) = _layout(source, stages)
    place = source.place
    split = next((alias for alias in aliases if alias in splits), None)
    if split is None:
        there = printable(", ".join(splits)) or f"no {', '.join(READABLE)} file"
        raise repository.lacks(f"{place} has no split {aliases[0]}; it has {there}.")
    if not (names := splits[split]):
        raise repository.lacks(f"{place} lacks the files of its split {split}.")
    if other := [name for name in names if kind_of_file(name) not in READABLE]:
        raise UserError(
            f"{place} keeps its split {split} in {printable(other[0])}; only {', '.join(READABLE)} "
            "files can be read."
        )
    return DataFiles(repository, names, rows.get(split))


def _layout(source: DataSource, stages: Stages) -> tuple[Repository, Layout]:
    place = source.place
    stages.progress(f"looking for {place}")
    repository = _repository("dataset", place, source.revision)
    card: dict[str, Any] = {}
    if "README.md" in repository.sizes:
        card = read_card(repository.fetch(["README.md"], stages) / "README.md", place)
    try:
        return repository, layout(card, repository.sizes, source.configuration)
    except LookupError as error:
        raise UserError(
            f"{place} has the configurations {printable(str(error))}, and none is called "
            f"{source.configuration or 'triplet'}; download the one you want and name its file."
        ) from None


class _UnreachableError(UserError):
    """The Hub does not answer; what is in the cache may do."""


class Repository:
    """A repository at one revision: its files' names and sizes, and a way to them."""

    def __init__(self, kind: str, name: str, revision: str | None) -> None:
        try:
            validate_repo_id(name)
        except errors.HFValidationError as error:
            raise UserError(f"{name!r} is no Hub name: {printable(str(error))}") from None
        self.kind, self.name, self.revision = kind, name, revision
        self.commit = revision or ""
        self.sizes: dict[str, int] = {}
        self.answered = False
        self.failure: UserError | None = None
        if _COMMIT.fullmatch(self.commit) and self._is_listed():
            return
        try:
            self._ask()
        except _UnreachableError as error:
            folder = self._cached()
            if folder is None:
                raise
            self.failure, self.commit = error, folder.name
            if not self._is_listed():
                # Other tools fill the same cache file by file: these may not be all.
                files = (path for path in folder.rglob("*") if path.is_file())
                self.sizes = {path.relative_to(folder).as_posix(): 0 for path in files}

    def lacks(self, sentence: str) -> UserError:
        """What to raise where files are missing: the repository's mistake, or the network's."""
        return self.failure or UserError(sentence)

    def told(self, error: Exception) -> UserError:
        """What an error of the Hub's client means."""
        what = f"{'data set' if self.kind == 'dataset' else self.kind} {self.name}"
        login = "log in with: hf auth login"
        match error:
            case errors.GatedRepoError():
                return UserError(f"The {what} is gated: ask for access on its page, and {login}")
            case errors.RevisionNotFoundError():
                return UserError(f"The {what} has no revision {self.revision} on the Hub.")
            case errors.RepositoryNotFoundError():
                return UserError(
                    f"There is no {what} on the Hub, or it is private: check its name, or {login}"
                )
            case errors.HfHubHTTPError():
                reason = f"the Hub answers {error.response.status_code}"
            case errors.OfflineModeIsEnabled():
                reason = "HF_HUB_OFFLINE is set"
            case _:
                reason = f"the Hub cannot be reached: {type(error).__name__}"
        return _UnreachableError(
            f"The {what} is not in the Hub's cache and cannot be downloaded ({reason}); connect to "
            f"the network, or use {_INSTEAD[self.kind]}."
        )

    def open(self, name: str) -> BinaryIO:
        """A file of the cache, or else of the Hub, which is then read in small pieces."""
        if folder := self._cached(name):
            return (folder / name).open("rb")
        self._ask()
        path = f"{self.kind}s/{self.name}@{self.commit}/{name}"
        return cast("BinaryIO", HfFileSystem().open(path, "rb", block_size=STREAMED_BYTES))

    def fetch(self, names: list[str], stages: Stages) -> Path:
        """The folder with these files, downloaded where they are not in the cache."""
        folder = self._cached(*names)
        # Of a branch the cache has to note the newest commit even where it holds all its files.
        if folder is not None and (self.failure or self.revision == self.commit):
            return folder
        self._ask()
        total = sum(self.sizes[name] for name in names if self._cached(name) is None)

        def report(done: int) -> None:
            if total:
                stages.progress(f"downloading {self.name}", min(done, total), total, "bytes")

        report(0)
        bar = _byte_bar(report)
        # The client's threads hear of no signal; their bar tells them to end.
        with ThreadPoolExecutor(1) as pool:
            download = pool.submit(
                snapshot_download,
                self.name,
                repo_type=self.kind,
                revision=self.revision,
                allow_patterns=[glob.escape(name) for name in names],
                tqdm_class=bar,
            )
            try:
                folder = Path(download.result())
            except (errors.GatedRepoError, errors.OfflineModeIsEnabled) as error:
                raise self.told(error) from error
            except (*NETWORK_ERRORS, OSError, RuntimeError) as error:
                if getattr(error, "errno", None) is not None or "No space left" in str(error):
                    raise  # the disk's, not the network's
                raise UserError(
                    f"The download of {self.name} broke off ({type(error).__name__}); start "
                    "again, whole files are kept."
                ) from error
            finally:
                bar.over = True
        report(total)
        self.revision = self.commit = folder.name
        return folder

    def _is_listed(self) -> bool:
        # A commit never changes, so neither does the list of its files.
        try:
            tree = get_cached_repo_tree(self.name, repo_type=self.kind, revision=self.commit)
        except errors.CachedRepoTreeNotFoundError:
            return False
        self.sizes = {file.path: file.size for file in tree}
        return True

    def _ask(self) -> None:
        # One question that is not repeated, where a download would try for half a minute.
        if self.failure is not None:
            raise self.failure
        if self.answered:
            return
        ask = HfApi().dataset_info if self.kind == "dataset" else HfApi().model_info
        try:
            info = ask(
                self.name, revision=self.revision, files_metadata=True, timeout=ANSWER_SECONDS
            )
        except NETWORK_ERRORS as error:
            raise self.told(error) from error
        self.commit = str(info.sha)
        self.sizes = {file.rfilename: file.size or 0 for file in info.siblings or []}
        self.answered = True

    def _cached(self, *names: str) -> Path | None:
        """The cache's folder of this revision, if it holds these files."""
        try:
            folder = snapshot_download(
                self.name,
                repo_type=self.kind,
                revision=self.commit or None,
                local_files_only=True,
                allow_patterns=[],
            )
        except errors.LocalEntryNotFoundError:
            return None
        return Path(folder) if all((Path(folder) / name).is_file() for name in names) else None


_repository = cache(Repository)


def _byte_bar(report: Callable[[int], None]) -> Any:
    class ByteBar(hub_tqdm):
        """Draws nothing. Of the client's bars, two count bytes: those received, those written."""

        most = 0
        over = False

        def __init__(self, *arguments: Any, **named: Any) -> None:
            self.counts_bytes = "snapshot_download" in (named.get("name") or "")
            super().__init__(*arguments, **{**named, "disable": True})

        def update(self, n: float | None = 1) -> None:
            if ByteBar.over:
                raise InterruptedError("the download was given up")
            with self.get_lock():  # the files' threads share the bar
                self.n += n or 0
                if self.counts_bytes and self.n > ByteBar.most:
                    ByteBar.most = int(self.n)
                    report(ByteBar.most)

    return ByteBar
