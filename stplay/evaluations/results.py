"""What an evaluation found: the accuracies of models on splits, and the scores behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from stplay.quantities import Moment, Seconds, Share, Whole
from stplay.similarities import SIMILARITIES
from stplay.sources.datasources import COLUMNS

if TYPE_CHECKING:
    import numpy as np
    import pyarrow
    from numpy.typing import NDArray

METRICS = (*(f"{name}_accuracy" for name in SIMILARITIES), "max_accuracy")
TRIPLET_COLUMNS = ("row", *COLUMNS, "source")
SCORE_COLUMNS = tuple(
    f"{name}_{other}" for name in SIMILARITIES for other in ("positive", "negative")
)
SCHEMA_VERSION = 1


class Accuracy(msgspec.Struct):
    """``right`` of all triplets are judged right; ``low`` to ``high`` is the 95 % interval."""

    right: Whole
    value: Share
    low: Share
    high: Share


class EvaluatedSplit(msgspec.Struct):
    """The triplets of one split.

    ``label`` is the name under which figures are shown, ``data`` the name that was asked for,
    ``revision`` a Hub data set's commit, and ``fingerprint`` tells whether two evaluations had the
    same triplets in the same order. They are ``rows``, of which ``duplicates`` came before;
    ``skipped`` rows of the data made none, as they lack a sentence.
    """

    data: str
    split: str
    label: str
    rows: Whole
    skipped: Whole
    duplicates: Whole
    fingerprint: str
    revision: str | None = None
    synthetic: bool = False


class Result(msgspec.Struct):
    """The accuracies of one model on one split, by their metric's name."""

    model: str
    split: str
    accuracies: dict[str, Accuracy]


class EvaluatedModel(msgspec.Struct):
    """One model of an evaluation; without figures, ``error`` tells why in one sentence.

    ``precision`` is that of its weights; earlier evaluations told it of the last model only.
    """

    name: str
    folder: str | None = None
    revision: str | None = None
    dimensions: Whole | None = None
    untrained: bool = False
    seconds: Seconds | None = None
    error: str | None = None
    precision: str | None = None


class Summary(msgspec.Struct):
    """All that an evaluation found but the scores of each triplet.

    ``precision`` is that of all its models, each once.
    """

    models: list[EvaluatedModel]
    splits: list[EvaluatedSplit]
    results: list[Result]
    device: str
    precision: str
    versions: dict[str, str]
    created: Moment
    seconds: Seconds
    truncate_dim: Whole | None = None
    schema: Whole = SCHEMA_VERSION

    def __post_init__(self) -> None:
        """Make sure that every result is of a model and a split that are there.

        Raises:
            ValueError: one is not, or lacks a figure.
        """
        models = {model.name for model in self.models}
        splits = {split.split for split in self.splits}
        for result in self.results:
            if result.model not in models or result.split not in splits:
                raise ValueError(f"a result of {result.model} on {result.split}")
            if not result.accuracies.keys() >= {*METRICS}:
                raise ValueError(f"no figures of {result.model} on {result.split}")

    def result(self, model: str, split: str) -> Result | None:
        """The figures of ``model`` on ``split``, where there are any."""
        found = (each for each in self.results if (each.model, each.split) == (model, split))
        return next(found, None)

    def precisions(self) -> set[str]:
        """The precisions of the models that have figures, where they are known."""
        return {model.precision for model in self.rated() if model.precision is not None}

    def rated(self) -> list[EvaluatedModel]:
        """The models that have figures."""
        return [model for model in self.models if model.error is None]

    def lines(self) -> list[dict[str, Any]]:
        """One plain object for each model and split, as ``--json`` prints them.

        A model without figures is one object that tells why.
        """
        lines = []
        precisions = {model.name: model.precision for model in self.models}
        for result in self.results:
            split = next(each for each in self.splits if each.split == result.split)
            line: dict[str, Any] = {
                "model": result.model,
                "data": split.data,
                "split": split.split,
                "rows": split.rows,
                "precision": precisions[result.model],
            }
            for metric in METRICS:
                accuracy = result.accuracies[metric]
                line[metric] = accuracy.value
                line[f"{metric}_interval"] = [accuracy.low, accuracy.high]
            lines.append(line)
        failed = [model for model in self.models if model.error is not None]
        return lines + [{"model": model.name, "error": model.error} for model in failed]


def _table(path: Path, columns: Sequence[str]) -> pyarrow.Table:
    import pyarrow
    from pyarrow import parquet

    table = parquet.read_table(path)
    if not {*columns} <= {*table.column_names}:
        raise pyarrow.ArrowInvalid(f"{path} lacks a column")
    return table


class Triplets:
    """The triplets of a split, a column each, and which rows of the data they were.

    Every array has one value a triplet, shape ``(triplets,)``, in the order of the rows.
    """

    def __init__(self, path: Path) -> None:
        """Read the Parquet file at ``path``.

        Raises:
            OSError: it cannot be read.
            pyarrow.ArrowException: it is damaged, or lacks one of ``TRIPLET_COLUMNS``.
        """
        self._table = _table(path, TRIPLET_COLUMNS)

    def __len__(self) -> int:
        return self._table.num_rows

    def sentences(self, place: int) -> tuple[str, str, str]:
        """Anchor, positive and negative of the triplet at ``place``, from 0."""
        anchor, positive, negative = (self._table[column][place].as_py() for column in COLUMNS)
        return anchor, positive, negative

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """The row of the data that each triplet was, from 1."""
        return self._table["row"].to_numpy()

    @cached_property
    def sources(self) -> NDArray[np.str_]:
        """Where the data says that each triplet is from; empty where it does not."""
        import numpy as np

        return np.asarray(self._table["source"].to_pylist())

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """The number of words of the longest sentence of each triplet, parted by white space."""
        import numpy as np
        from pyarrow import compute

        counts = []
        for column in COLUMNS:
            trimmed = compute.call_function("utf8_trim_whitespace", [self._table[column]])
            words = compute.call_function("utf8_split_whitespace", [trimmed])
            counts.append(compute.call_function("list_value_length", [words]).to_numpy())
        return np.maximum.reduce(counts).astype(np.int64)

    def containing(self, text: str) -> NDArray[np.bool_]:
        """Which triplets have ``text`` in one of their sentences, upper and lower case alike."""
        import numpy as np
        from pyarrow import compute

        try:
            options = compute.MatchSubstringOptions(text, ignore_case=True)
        except UnicodeEncodeError:  # half a character, typed in another encoding
            return np.zeros(len(self), bool)
        found = [
            compute.call_function("match_substring", [self._table[column]], options).to_numpy()
            for column in COLUMNS
        ]
        return np.logical_or.reduce(found)


class Scores:
    """The similarities that a model gives the triplets of a split, in the order of the triplets.

    Every array has one value a triplet, shape ``(triplets,)``. ``similarity`` is one of
    ``SIMILARITIES``; more is nearer: a cosine is from -1 to 1, a dot product any number, and a
    distance negative, 0 at most. They are float32, or float64 where the model's weights are.
    """

    def __init__(self, path: Path) -> None:
        """Read the Parquet file at ``path``.

        Raises:
            OSError: it cannot be read.
            pyarrow.ArrowException: it is damaged, or lacks one of ``SCORE_COLUMNS``.
        """
        self._table = _table(path, SCORE_COLUMNS)

    def __len__(self) -> int:
        return self._table.num_rows

    def positive(self, similarity: str) -> NDArray[np.floating]:
        """The similarity of each anchor to its positive."""
        return self._table[f"{similarity}_positive"].to_numpy()

    def negative(self, similarity: str) -> NDArray[np.floating]:
        """The similarity of each anchor to its negative."""
        return self._table[f"{similarity}_negative"].to_numpy()

    def margins(self, similarity: str) -> NDArray[np.floating]:
        """How much nearer each positive is than its negative, in the similarity's own unit."""
        return self.positive(similarity) - self.negative(similarity)

    def right(self, similarity: str) -> NDArray[np.bool_]:
        """Which triplets are judged right: the positive is nearer, and not only as near.

        Source: ``TripletEvaluator`` of sentence-transformers.
        """
        return self.positive(similarity) > self.negative(similarity)
