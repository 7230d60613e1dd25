"""Corpora on the disk: sentences with their embeddings, encoded once, and their neighbours.

    corpora/<key>/  facts.json  embeddings.npy  rows.npy  ends.npy  dropped.npy  sentences.txt

The longest sentence comes first, as that is the order in which they are encoded. ``sentences.txt``
holds the sentences end to end; ``ends.npy`` tells where each ends, ``dropped.npy`` how many of its
tokens the model did not read.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from stplay import home
from stplay.encoding.protocol import CorpusFacts
from stplay.encoding.similarity import similarity_matrix
from stplay.errors import UserError
from stplay.text import printable

PIECE = 256
CHUNK_NUMBERS = 1 << 24  # of the embeddings looked at together: 64 MiB
CACHED_ROWS = 256  # few enough for their differences to stay in the processor's cache
ABANDONED_SECONDS = 3600.0

_KEY = re.compile(r"[0-9a-f]{32}")


class Neighbour(NamedTuple):
    """A sentence of a corpus; ``row`` counts the rows or lines of its source from 0.

    The model did not read the last ``cut`` of its tokens.
    """

    row: int
    text: str
    score: float
    cut: int


def key(model: str, sentences: Mapping[str, int]) -> str:
    """The name of the corpus of these sentences (with their rows), encoded by ``model``."""
    digest = hashlib.sha256(f"{model}\n".encode(errors="replace"))
    for text, row in sentences.items():
        digest.update(f"{row}:{len(text)}:{text}\n".encode())
    return digest.hexdigest()[:32]


def facts(name: str) -> CorpusFacts | None:
    """What is known of the corpus of this key, if it is on the disk."""
    try:
        text = (_folder(name) / "facts.json").read_bytes()
        found = msgspec.json.decode(text, type=CorpusFacts)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.key == name else None  # another's name would remove another


def _folder(name: str) -> Path:
    if not _KEY.fullmatch(name):
        raise ValueError(f"{name!r} is no corpus key")
    return _place() / name


def _place() -> Path:
    return home.cache_folder() / "corpora"


class KeptCorpus(NamedTuple):
    """A corpus on the disk, and when it was last used, in seconds since 1970."""

    facts: CorpusFacts
    used: float


def kept() -> list[KeptCorpus]:
    """The corpora on the disk, the one used last first."""
    found = []
    for path in _place().glob("*/facts.json"):
        if _KEY.fullmatch(path.parent.name) and (known := facts(path.parent.name)):
            with suppress(OSError):  # it is being removed
                found.append(KeptCorpus(known, path.stat().st_mtime))
    return sorted(found, key=lambda each: each.used, reverse=True)


def find(start: str) -> KeptCorpus:
    """The corpus whose key begins with ``start``.

    Raises:
        UserError: there is none, or more than one.
    """
    found = [each for each in kept() if start and each.facts.key.startswith(start)]
    if len(found) != 1:
        many = "Several corpora begin" if found else "No corpus begins"
        raise UserError(f"{many} with {printable(start)!r}; see: stplay corpora")
    return found[0]


def remove(corpus: KeptCorpus) -> None:
    """Free the disk of ``corpus``; whoever has it open may go on.

    Raises:
        UserError: it cannot be removed.
    """
    folder = _folder(corpus.facts.key)
    try:
        (folder / "facts.json").unlink(missing_ok=True)  # from now on nobody finds half of it
        shutil.rmtree(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be removed: {error.strerror}.") from None


def remove_abandoned() -> None:
    """Free the disk of what was begun and never finished, by processes that were killed."""
    for folder in _place().glob("*.partial"):
        with suppress(OSError):
            newest = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
            if time.time() - newest > ABANDONED_SECONDS:
                shutil.rmtree(folder)


class CorpusBuilding:
    """A corpus on its way to the disk; leaves nothing behind unless it was finished.

    ``sentences`` are distinct and known with the first row of each.
    """

    def __init__(self, name: str, sentences: Mapping[str, int], rows: int, dimensions: int) -> None:
        self.folder = _folder(name)
        self.partial = self.folder.with_suffix(".partial")
        self.key, self.rows, self.dimensions = name, rows, dimensions
        ordered = sorted(sentences.items(), key=lambda item: len(item[0]), reverse=True)
        self.texts = [text for text, _ in ordered]
        self.numbers = [row for _, row in ordered]

    def __enter__(self) -> CorpusBuilding:
        shutil.rmtree(self.partial, ignore_errors=True)  # of a process that was killed
        self.partial.mkdir(parents=True)
        # Appended to, not mapped: on a full disk, writing to mapped memory kills the process.
        self.file = (self.partial / "embeddings.npy").open("wb")
        np.lib.format.write_array_header_1_0(
            self.file,
            {
                "descr": np.lib.format.dtype_to_descr(np.dtype(np.float32)),
                "fortran_order": False,
                "shape": (len(self.texts), self.dimensions),
            },
        )
        self.dropped: list[int] = []
        self.begun = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.file.close()
        shutil.rmtree(self.partial, ignore_errors=True)

    def pieces(self) -> Iterator[list[str]]:
        """The sentences to encode, a few of about the same length at a time."""
        for start in range(0, len(self.texts), PIECE):
            yield self.texts[start : start + PIECE]

    def append(self, embeddings: NDArray[np.float32], dropped: Sequence[int]) -> None:
        """Write the embeddings of the next piece, and keep how many tokens of each were cut off.

        Args:
            embeddings: those of the piece, in its order, of shape ``(sentences, dimensions)``.
            dropped: as many numbers of tokens.

        Raises:
            OSError: the disk is full.
        """
        self.dropped += dropped
        self.file.write(np.ascontiguousarray(embeddings, np.float32).data)

    def finish(self, model: str, source: str) -> CorpusFacts:
        """Put the corpus, all of which was appended, in its place."""
        seconds = time.monotonic() - self.begun
        self.file.close()
        encoded = [text.encode() for text in self.texts]
        (self.partial / "sentences.txt").write_bytes(b"".join(encoded))
        np.save(self.partial / "ends.npy", np.cumsum([len(text) for text in encoded], dtype=int))
        np.save(self.partial / "rows.npy", np.array(self.numbers, dtype=int))
        np.save(self.partial / "dropped.npy", np.array(self.dropped, dtype=int))
        disk = sum(path.stat().st_size for path in self.partial.iterdir())
        found = CorpusFacts(
            key=self.key,
            rows=self.rows,
            distinct=len(self.texts),
            seconds=seconds,
            disk=disk,
            model=model,
            source=printable(source),
            cut=sum(map(bool, self.dropped)),
        )
        (self.partial / "facts.json").write_bytes(msgspec.json.encode(found))
        shutil.rmtree(self.folder, ignore_errors=True)
        self.partial.replace(self.folder)
        return found


class Corpus:
    """An encoded corpus, mapped into memory.

    ``embeddings`` are of shape ``(sentences, dimensions)``; ``rows`` (of the source, from 0),
    ``ends`` (in bytes of ``sentences``, UTF-8 text) and ``dropped`` (tokens that were not read) of
    shape ``(sentences,)``.
    """

    def __init__(self, name: str) -> None:
        """Open the corpus of the key ``name``.

        Raises:
            UserError: it is gone, or damaged.
        """
        folder = _folder(name)
        try:
            self.embeddings: NDArray[np.float32] = np.load(folder / "embeddings.npy", mmap_mode="r")
            self.rows = np.load(folder / "rows.npy")
            self.ends = np.load(folder / "ends.npy")
            self.dropped = np.load(folder / "dropped.npy")
            self.sentences = np.memmap(folder / "sentences.txt", np.uint8, "r")
        except (OSError, ValueError):
            raise UserError("The corpus is gone from the cache; load it again.") from None
        with suppress(OSError):
            (folder / "facts.json").touch()  # tells when it was last used

    def __len__(self) -> int:
        return len(self.embeddings)

    def text(self, place: int) -> str:
        """The sentence at ``place``, in the order of the embeddings."""
        start = self.ends[place - 1] if place else 0
        return self.sentences[start : self.ends[place]].tobytes().decode()

    def neighbours(self, query: NDArray[np.float32], k: int, metric: str) -> list[Neighbour]:
        """The ``k`` sentences most like ``query``, the most similar first.

        Every sentence is looked at: a matrix product, or for ``manhattan`` all differences, which
        take several times as long.

        Args:
            query: an embedding, of shape ``(dimensions,)``.
            k: how many; all there are where they are fewer.
            metric: one of ``SIMILARITIES``.

        Returns:
            Scores as ``similarity_matrix`` gives them: distances are negative. Of equal ones, the
            first row comes first.

        Raises:
            ValueError: the query has other dimensions than the corpus, or there is no such metric.
        """
        if query.shape != self.embeddings.shape[1:]:
            raise ValueError("the corpus was encoded by a model of other dimensions")
        wanted = min(2 * k + 10, len(self))  # in single precision first: the order may differ
        best = np.concatenate([*self._best(query, wanted, metric)])
        scores = similarity_matrix(query[None], self.embeddings[best], metric)[0]
        order = np.lexsort((self.rows[best], -scores))[:k]
        return [
            Neighbour(
                int(self.rows[place]),
                self.text(int(place)),
                float(scores[i]),
                int(self.dropped[place]),
            )
            for i in order
            for place in (best[i],)
        ]

    def _best(
        self, query: NDArray[np.float32], wanted: int, metric: str
    ) -> Iterator[NDArray[np.intp]]:
        chunk = max(1, CHUNK_NUMBERS // query.size)
        for start in range(0, len(self), chunk):
            part = slice(start, start + chunk)
            with np.errstate(over="ignore", invalid="ignore"):
                scores = self._scores(part, query, metric)
            if not np.isfinite(scores).all():  # too large for single precision
                scores = similarity_matrix(query[None], self.embeddings[part], metric)[0]
                scores = np.nan_to_num(scores, nan=-np.inf)
            if len(scores) <= wanted:
                yield np.arange(start, start + len(scores))
            else:
                yield start + np.argpartition(scores, -wanted)[-wanted:]

    def _scores(self, part: slice, query: NDArray[np.float32], metric: str) -> NDArray[np.floating]:
        """What orders the embeddings of ``part`` as their similarity to ``query`` does."""
        embeddings = self.embeddings[part]
        match metric:
            case "cosine":
                return (
                    embeddings @ query / np.maximum(self._lengths[part], np.finfo(np.float32).tiny)
                )
            case "dot":
                return embeddings @ query
            case "euclidean":
                return 2 * (embeddings @ query) - self._lengths[part] ** 2
            case _:
                scores = np.empty(len(embeddings), np.float32)
                for start in range(0, len(embeddings), CACHED_ROWS):
                    apart = np.abs(embeddings[start : start + CACHED_ROWS] - query)
                    np.negative(apart.sum(axis=1), out=scores[start : start + CACHED_ROWS])
                return scores

    @cached_property
    def _lengths(self) -> NDArray[np.float32]:
        return np.sqrt(np.einsum("ij,ij->i", self.embeddings, self.embeddings))
