"""The matrix as it leaves the app: in the order in which it is shown."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from textual.app import App

from stplay.encoding import exports
from stplay.encoding.encoded import Encoded, cut_mark
from stplay.errors import UserError
from stplay.screens.explore import heatmapfile
from stplay.screens.shared.grid import Grid
from stplay.sources.paths import expanded
from stplay.text import printable

SUFFIX_WORDS = (
    ".csv, .json and .npy hold the matrix, .safetensors the vectors too, .md a table, "
    ".svg and .png a picture"
)


class ExportedMatrix(NamedTuple):
    """A matrix, and what it was made of: both in the order in which they are shown.

    ``matrix`` has the shape ``(sentences, sentences)``; its rows are those of ``encoded``.
    """

    encoded: Encoded
    metric: str
    matrix: NDArray[np.floating]
    grid: Grid

    @classmethod
    def of(cls, grid: Grid, encoded: Encoded, metric: str) -> ExportedMatrix:
        """What ``grid`` shows, which was made of ``encoded`` by ``metric``."""
        order = grid.order
        return cls(encoded.ordered(order), metric, grid.values[np.ix_(order, order)], grid)

    @property
    def sentences(self) -> list[str]:
        """The sentences of the rows."""
        return self.encoded.sentences

    @property
    def cut_words(self) -> str:
        """What was not read of the sentences; nothing where all was."""
        return self.encoded.cut_words([self.grid.numbers[place] for place in self.grid.order])

    def csv(self) -> str:
        """The matrix as CSV."""
        return exports.csv(self.sentences, self.matrix)

    def markdown(self) -> str:
        """The matrix as a Markdown table; what was not read of a sentence stands after it."""
        marked = zip(self.sentences, self.encoded.dropped, strict=True)
        names = [sentence + cut_mark(dropped) for sentence, dropped in marked]
        return exports.markdown(names, self.matrix)

    def save(self, name: str) -> None:
        """Write the file called ``name``; its suffix tells as what.

        Raises:
            UserError: the suffix is none of those known, or the file cannot be written.
        """
        path, model = expanded(name), self.encoded.model
        pictures = {
            ".md": lambda: self.markdown().encode(),
            ".svg": lambda: heatmapfile.svg(self.grid, f"{model}, {self.metric}").encode(),
            ".png": lambda: heatmapfile.png(self.grid, f"{model}, {self.metric}"),
        }
        make = pictures.get(path.suffix.lower())
        if make is None and path.suffix.lower() not in exports.SUFFIXES:
            known = ", ".join((*exports.SUFFIXES, *pictures))
            raise UserError(f"{printable(path.name)!r} does not tell what to write: {known}.")
        if make is None:
            exports.write(
                path,
                model,
                self.metric,
                self.sentences,
                self.matrix,
                self.encoded.embeddings,
                {"tokens": self.encoded.read, "cut": self.encoded.dropped},
            )
            return
        try:
            path.write_bytes(make())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{printable(name)} cannot be written: {reason}.") from None

    def download(self, app: App[Any], name: str) -> None:
        """Hand the file called ``name`` to the browser that shows ``app``.

        Raises:
            UserError: the suffix is none of those known, or there is no room to make it.
        """
        with TemporaryDirectory() as folder:
            path = Path(folder, Path(name).name)
            self.save(str(path))
            app.deliver_binary(BytesIO(path.read_bytes()), save_filename=path.name)
