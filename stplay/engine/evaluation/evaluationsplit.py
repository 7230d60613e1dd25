"""One split of triplets, judged by models: kept on disk, so that memory stays flat."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow
from numpy.typing import NDArray
from pyarrow import parquet

from stplay.engine.data.triplets import open_split
from stplay.engine.worker.stages import Stages
from stplay.evaluations.results import SCORE_COLUMNS, TRIPLET_COLUMNS, EvaluatedSplit
from stplay.similarities import SIMILARITIES
from stplay.sources.datasources import OwnNames
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.engine.packed.sentenceencoder import SentenceEncoder, Task

PIECE = 4096
TRIPLET_SCHEMA = pyarrow.schema(
    [(name, pyarrow.int64() if name == "row" else pyarrow.string()) for name in TRIPLET_COLUMNS]
)


class KeptEmbeddings:
    """The embeddings of the sentences at the places ``order``, (sentences, dimensions).

    They are the rows, each of ``dtype``, of the file ``path``.

    Written from end to end and mapped only to be read: a full disk is an error that can be told,
    while one that shows in a mapped page kills the process.
    """

    def __init__(
        self, path: Path, dtype: np.dtype, dimensions: int, order: NDArray[np.integer]
    ) -> None:
        self.dtype, self.dimensions = dtype, dimensions
        self._rows = np.memmap(path, dtype, "r", shape=(len(order), dimensions))
        self._row = np.zeros(order.max() + 1, np.intp)
        self._row[order] = np.arange(len(order))

    def __getitem__(self, places: NDArray[np.integer]) -> NDArray[np.floating]:
        """The embeddings of the sentences at ``places``, of shape (places, dimensions)."""
        return self._rows[self._row[places]]


class EvaluationSplit:
    """The triplets of a split: in a file, and as places among its distinct ``sentences``.

    A row of several negatives makes a triplet with each, under its own number.
    """

    def __init__(
        self,
        data: str,
        split: str,
        limit: int | None,
        path: Path,
        work: Path,
        stages: Stages,
        columns: OwnNames | None = None,
    ) -> None:
        """Read the split and write its triplets to ``path``; this needs none of the libraries.

        ``columns`` are the data's own names of those that have no usual one.

        Raises:
            UserError: the data is missing, damaged or empty, or lacks a column or the split; of
                pairs no triplets can be made.
        """
        opened = open_split(data, split, limit, stages, columns, triplets=True)
        known: dict[str, int] = {}
        places = array("i")
        seen: set[bytes] = set()
        digest = hashlib.sha256()
        skipped = duplicates = 0

        def kept() -> Iterator[tuple[int, str, str, str, str]]:
            nonlocal skipped, duplicates
            for number, examples in enumerate(opened.rows, 1):
                skipped += not any(example.negatives for example in examples)
                for anchor, positive, negatives, source in examples:
                    for negative in negatives:
                        triplet = (anchor, positive, negative)
                        first = len(places)
                        places.extend(known.setdefault(text, len(known)) for text in triplet)
                        own = places[first:].tobytes()
                        duplicates += own in seen
                        seen.add(own)
                        digest.update("\0".join((*triplet, "")).encode())
                        yield number, *triplet, source

        triplets = kept()
        with parquet.ParquetWriter(path, TRIPLET_SCHEMA) as writer:
            while piece := list(islice(triplets, PIECE)):
                table = dict(zip(TRIPLET_COLUMNS, zip(*piece, strict=True), strict=True))
                writer.write_table(pyarrow.table(table, TRIPLET_SCHEMA))
        self.sentences = list(known)
        self._places = np.frombuffer(places, np.int32).reshape(-1, 3)
        self._work = work
        said = ", ".join(opened.columns.said)
        self.remark = f"Of {printable(opened.label)}, {said}." if said else ""
        self.facts = EvaluatedSplit(
            data=data,
            split=split,
            label=opened.label,
            rows=len(self._places),
            skipped=skipped,
            duplicates=duplicates,
            fingerprint=digest.hexdigest(),
            revision=opened.revision,
            synthetic=opened.synthetic,
        )

    def judge(
        self, encoder: SentenceEncoder, path: Path, progress: Callable[[int], None]
    ) -> tuple[dict[str, int], int]:
        """Write the similarities of every triplet to ``path``, a row for each, in their order.

        Distances are negated, as by ``sentence_transformers.util``: more is nearer.

        Returns the number of triplets judged right under each similarity, ties counting as wrong,
        and the length of an embedding.

        Raises:
            NotFiniteError: the model gives numbers that are not.
        """
        from sentence_transformers import util

        functions = {
            "cosine": util.pairwise_cos_sim,
            "dot": util.pairwise_dot_score,
            "manhattan": util.pairwise_manhattan_sim,
            "euclidean": util.pairwise_euclidean_sim,
        }
        total = len(self.sentences)
        if encoder.tells_tasks_apart:
            anchors = self._embed(encoder, "query", lambda done: progress(done // 2))
            others = self._embed(encoder, "document", lambda done: progress((total + done) // 2))
        else:
            anchors = others = self._embed(encoder, None, progress)
        right: dict[str, int] = dict.fromkeys(SIMILARITIES, 0)
        # Not narrower than the library compares them: that would make ties.
        kind = np.promote_types(anchors.dtype, np.float32)
        schema = pyarrow.schema([(name, pyarrow.from_numpy_dtype(kind)) for name in SCORE_COLUMNS])
        with parquet.ParquetWriter(path, schema) as writer:
            for first in range(0, len(self._places), PIECE):
                places = self._places[first : first + PIECE]
                anchor = anchors[places[:, 0]]
                positive, negative = others[places[:, 1]], others[places[:, 2]]
                columns = {}
                for similarity, function in functions.items():
                    near = function(anchor, positive).numpy().astype(kind)
                    far = function(anchor, negative).numpy().astype(kind)
                    right[similarity] += int((near > far).sum())
                    columns[f"{similarity}_positive"] = near
                    columns[f"{similarity}_negative"] = far
                writer.write_table(pyarrow.table(columns, schema))
        return right, anchors.dimensions

    def _embed(
        self, encoder: SentenceEncoder, part: Task | None, progress: Callable[[int], None]
    ) -> KeptEmbeddings:
        """The embeddings of the sentences of ``part``."""
        used = {"query": self._places[:, :1], "document": self._places[:, 1:], None: self._places}
        wanted = np.unique(used[part])
        lengths = np.array([encoder.tokens(self.sentences[place]) for place in wanted])
        order = wanted[np.argsort(-lengths, kind="stable")]
        path = self._work / f"{part or 'all'}.embeddings"
        encoded = np.empty((0, 0), np.float32)
        with path.open("wb") as file:
            for first in range(0, len(order), PIECE):
                places = order[first : first + PIECE]
                sentences = [self.sentences[place] for place in places]
                prepared = encoder.prepare(sentences, part or "query")
                encoded = encoder.embed(prepared, lambda done, first=first: progress(first + done))
                file.write(np.ascontiguousarray(encoded).data)
        return KeptEmbeddings(path, encoded.dtype, encoded.shape[1], order)
