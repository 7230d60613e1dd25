"""Models and data from the Hugging Face Hub, through its own clients and into its own cache.

What is pinned to a commit and in the cache is taken from there without a request; the rest is
asked for, and a dead network falls back to the cache where that can be right.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from itertools import islice
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset
from datasets.data_files import sanitize_patterns
from huggingface_hub import DatasetCard, HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import tqdm as hub_tqdm

from stplay.engine.stages import Stages
from stplay.errors import UserError
from stplay.sources import DATA_SUFFIXES, PICKLE_WEIGHTS, DataSource, ModelSource
from stplay.text import printable

ANSWER_SECONDS = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}")
_OTHER_FRAMEWORKS = (
    "*.h5",
    "*.msgpack",
    "*.ot",
    "*.onnx",
    "onnx/*",
    "openvino/*",
    "*.gguf",
    "coreml/*",
)
_INSTEAD = {
    "model": "builtin:tiny, builtin:minilm or a model folder",
    "dataset": f"builtin:sample or a {', '.join(DATA_SUFFIXES)} file or folder",
}
# The client's HTTP library has had several names; its errors all share this base.
HttpError: type[Exception] = next(
    base for base in HfHubHTTPError.__mro__ if base.__name__ == "HTTPError"
)  # pyright: ignore[reportAssignmentType]

Choose = Callable[[list[str]], list[str]]


class _IncompleteError(UserError):
    """A repository, or what the cache holds of it, lacks what is wanted."""


def model_folder(source: ModelSource, allow_pickle: bool, stages: Stages) -> tuple[Path, str]:
    """The folder of a Hub model, downloaded on first use, and its commit.

    Raises:
        UserError: there is no such model or no way to it, or it has only a pickle checkpoint
            while ``allow_pickle`` is false.
    """

    def choose(names: list[str]) -> list[str]:
        wanted = [name for name in names if not any(fnmatch(name, p) for p in _OTHER_FRAMEWORKS)]
        safe = {Path(name).parent for name in wanted if name.endswith(".safetensors")}
        pickles = [name for name in wanted if name.endswith((".bin", ".pt", ".pth", ".ckpt"))]
        needed = [
            name for name in pickles if name.endswith(".bin") and Path(name).parent not in safe
        ]
        if Path() not in safe and not any(name.endswith(".safetensors") for name in wanted):
            if not needed:
                raise _IncompleteError(f"The Hub model {source.place} has no weights.")
            if not allow_pickle:
                raise UserError(
                    f"The Hub model {source.place} has only a pickle checkpoint "
                    f"({PICKLE_WEIGHTS}), which can run code when it is read. If you trust it, "
                    "allow it with --set model.allow_pickle=true"
                )
        left_out = set(pickles) - (set(needed) if allow_pickle else set())
        return [name for name in wanted if name not in left_out]

    folder = _snapshot("model", source.place, source.revision, choose, stages)
    return folder, folder.name


def load_rows(
    source: DataSource, aliases: Iterable[str], rows: int | None, stages: Stages
) -> Dataset:
    """The first ``rows`` rows of the split that one of ``aliases`` names.

    Only the files of that split are downloaded where the data set's card tells which they are.

    Raises:
        UserError: there is no such data set, configuration or split, or no way to it.
    """
    wanted = list(aliases)
    patterns, configuration = _patterns(source, stages)
    slice_ = "" if rows is None else f"[:{rows}]"
    if patterns is None:
        folder = _snapshot("dataset", source.place, source.revision, _data_files, stages)
        stages.progress(f"preparing {source.place}")
        there = ""
        for alias in wanted:
            try:
                return load_dataset(str(folder), split=alias + slice_)
            except ValueError as error:
                if "Unknown split" not in str(error):
                    raise UserError(_damaged(source, error)) from error
                there = str(error)
        raise UserError(f"{source.place}: {printable(there)}")
    split = next((alias for alias in wanted if alias in patterns), None)
    if split is None:
        raise UserError(
            f"{source.place} has no split {wanted[0]}; it has {', '.join(map(str, patterns))}."
        )
    globs = list(patterns[split])

    def choose(names: list[str]) -> list[str]:
        files = [name for name in names if any(fnmatch(name, glob) for glob in globs)]
        if not files:
            raise _IncompleteError(f"{source.place} lacks the files of its split {split}.")
        return ["README.md", *files]

    folder = _snapshot("dataset", source.place, source.revision, choose, stages)
    stages.progress(f"preparing {source.place}")
    try:
        return load_dataset(
            str(folder), configuration, data_files={split: globs}, split=split + slice_
        )
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise UserError(_damaged(source, error)) from error
    except Exception as error:  # the library has many names for a file it cannot read
        raise UserError(_damaged(source, error)) from error


def first_rows(
    source: DataSource, aliases: Iterable[str], shown: int, stages: Stages
) -> tuple[list[dict[str, Any]], int | None]:
    """A few rows of a split without downloading all of it, and its number of rows where known.

    Raises:
        UserError: as ``load_rows``.
    """
    wanted = list(aliases)
    patterns, configuration = _patterns(source, stages)
    revision = source.revision
    split = next((alias for alias in wanted if patterns is None or alias in patterns), wanted[0])
    try:
        stream = load_dataset(
            source.place, configuration, split=split, revision=revision, streaming=True
        )
        found = list(islice(iter(stream), shown))
    except Exception as error:  # the library has many names for what it cannot reach or read
        raise UserError(_damaged(source, error)) from error
    info = stream.info.splits
    return found, info[split].num_examples if info and split in info else None


def _damaged(source: DataSource, error: Exception) -> str:
    reason = printable(
        str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    )
    return f"The data set {source.place} cannot be read: {reason[:200]}"


def _data_files(names: list[str]) -> list[str]:
    wanted = [name for name in names if name.endswith((*DATA_SUFFIXES, ".json", ".md", ".yaml"))]
    if not any(name.endswith((*DATA_SUFFIXES, ".json")) for name in wanted):
        raise _IncompleteError(f"The data set has no {', '.join(DATA_SUFFIXES)} file.")
    return wanted


def _patterns(source: DataSource, stages: Stages) -> tuple[dict[Any, list[str]] | None, str | None]:
    """The files of each split as the data set's card tells them, and the configuration."""

    def choose(names: list[str]) -> list[str]:
        if "README.md" not in names:
            raise _IncompleteError("The data set has no card.")
        return ["README.md"]

    try:
        folder = _snapshot("dataset", source.place, source.revision, choose, stages)
    except _IncompleteError:
        return None, None
    configs = DatasetCard.load(folder / "README.md").data.to_dict().get("configs")
    if not configs or not all("data_files" in config for config in configs):
        return None, None
    by_name = {config["config_name"]: config for config in configs}
    name = source.configuration
    if name is None:
        default = [config["config_name"] for config in configs if config.get("default")]
        name = (default or list(by_name))[0] if default or len(by_name) == 1 else None
    if name is None and "triplet" in by_name:
        name = "triplet"
    if name is None or name not in by_name:
        raise UserError(
            f"{source.place} has several configurations ({', '.join(by_name)}) and none is called "
            "triplet; download the one you want and name its file or folder."
        )
    return sanitize_patterns(by_name[name]["data_files"]), name


def _snapshot(
    kind: str, repository: str, revision: str | None, choose: Choose, stages: Stages
) -> Path:
    """The folder that holds the files that ``choose`` picks from the names of a repository."""
    arguments: dict[str, Any] = {"repo_id": repository, "repo_type": kind, "revision": revision}
    pinned = revision is not None and _COMMIT.fullmatch(revision)
    if pinned and (folder := _cached(arguments, choose)):
        return folder
    stages.progress(f"asking the Hub for {repository}")
    try:
        info = HfApi().repo_info(
            repository,
            repo_type=kind,
            revision=revision,
            files_metadata=True,
            timeout=ANSWER_SECONDS,
        )
        siblings = getattr(info, "siblings", None) or []
        sizes = {file.rfilename: file.size or 0 for file in siblings}
        wanted = choose(sorted(sizes))
        total = sum(sizes.get(name, 0) for name in wanted)
        stage = f"downloading {repository}"
        bar = _byte_bar(lambda done: stages.progress(stage, min(done, total), total, "bytes"))
        return Path(snapshot_download(**arguments, allow_patterns=wanted, tqdm_class=bar))
    except GatedRepoError:
        raise UserError(
            f"{repository} is gated: ask for access on its Hub page, and log in with: hf auth login"
        ) from None
    except RevisionNotFoundError:
        raise UserError(f"{repository} has no revision {revision} on the Hub.") from None
    except RepositoryNotFoundError:
        noun = "data set" if kind == "dataset" else kind
        raise UserError(
            f"There is no {noun} {repository} on the Hub, or it is private: check its name, or "
            "log in with: hf auth login"
        ) from None
    except (HttpError, OfflineModeIsEnabled, LocalEntryNotFoundError, ConnectionError) as error:
        if folder := _cached(arguments, choose):
            return folder
        raise UserError(
            f"{repository} is not in the Hub's cache and the Hub cannot be reached "
            f"({printable(type(error).__name__)}); connect to the network, or use "
            f"{_INSTEAD[kind]}."
        ) from error


def _cached(arguments: dict[str, Any], choose: Choose) -> Path | None:
    try:
        folder = Path(
            snapshot_download(**arguments, local_files_only=True, allow_patterns=["*.md"])
        )
    except (LocalEntryNotFoundError, OSError):
        return None
    names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    try:
        wanted = choose(sorted(names))
    except _IncompleteError:
        return None
    # Other tools fill the same cache file by file, so a folder alone proves nothing.
    return folder if set(wanted) <= set(names) else None


def _byte_bar(report: Callable[[int], None]) -> type[hub_tqdm]:
    class ByteBar(hub_tqdm):
        """Counts and prints nothing. One of the client's bars counts the bytes on disk."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            self.counts_bytes = named.get("name") == "huggingface_hub.snapshot_download"
            super().__init__(*arguments, **{**named, "disable": True})

        def update(self, n: float | None = 1) -> None:
            """Add ``n`` bytes; the files' threads share the bar."""
            with self.get_lock():
                self.n += n or 0
                done = int(self.n)
            if self.counts_bytes:
                report(done)

    return ByteBar
