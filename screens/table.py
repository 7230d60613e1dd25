"""The matrix as it leaves the app: in the order in which it is shown."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stplay import exports
from stplay.errors import UserError
from stplay.screens import heatmapfile
from stplay.screens.matrix import Grid
from stplay.sources import expanded
from stplay.text import printable

SUFFIX_WORDS = (
    ".csv, .json and .npy hold the matrix, .safetensors the vectors too, .md a table, "
    ".svg and .png a picture"
)


class Table(NamedTuple):
    """A matrix, the sentences of its rows, and what they are."""

    model: str
    metric: str
    sentences: list[str]
    matrix: NDArray[np.floating]
    embeddings: NDArray[np.float32]
    grid: Grid

    @classmethod
    def of(
        cls,
        grid: Grid,
        model: str,
        metric: str,
        sentences: list[str],
        embeddings: NDArray[np.float32],
    ) -> Table:
        """The table of ``grid``, whose sentences and embeddings are given as they were typed."""
        order = grid.order
        return cls(
            model,
            metric,
            [sentences[place] for place in order],
            grid.values[np.ix_(order, order)],
            embeddings[order],
            grid,
        )

    def save(self, name: str) -> None:
        """Write the file called ``name``; its suffix tells as what.

        Raises:
            UserError: the suffix is none of those known, or the file cannot be written.
        """
        path = expanded(name)
        pictures = {
            ".md": lambda: exports.markdown(self.sentences, self.matrix).encode(),
            ".svg": lambda: heatmapfile.svg(self.grid, f"{self.model}, {self.metric}").encode(),
            ".png": lambda: heatmapfile.png(self.grid, f"{self.model}, {self.metric}"),
        }
        make = pictures.get(path.suffix.lower())
        if make is None and path.suffix.lower() not in exports.SUFFIXES:
            known = ", ".join((*exports.SUFFIXES, *pictures))
            raise UserError(f"{printable(path.name)!r} does not tell what to write: {known}.")
        if make is None:
            exports.write(
                path, self.model, self.metric, self.sentences, self.matrix, self.embeddings
            )
            return
        try:
            path.write_bytes(make())
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{printable(name)} cannot be written: {reason}.") from None
