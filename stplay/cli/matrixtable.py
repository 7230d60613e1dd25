"""A matrix of similarities as lines of text, for people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stplay.text import clipped, printable

DECIMALS = 4
SHOWN_CHARACTERS = 60


def shortened(sentence: str) -> str:
    """As much of ``sentence`` as has room after its numbers."""
    return clipped(printable(sentence), SHOWN_CHARACTERS)


def matrix_table(shown: Sequence[str], matrix: NDArray[np.floating]) -> str:
    """The ``matrix``, (sentences, sentences), numbered, each row before what is ``shown`` of it."""
    cells = [[f"{value:.{DECIMALS}f}" for value in row] for row in matrix]
    width = max(len(str(len(cells))), *(len(cell) for row in cells for cell in row))
    table = [" " * 5 + "".join(f" {number:>{width}}" for number in range(1, len(cells) + 1))]
    for number, (sentence, row) in enumerate(zip(shown, cells, strict=True), 1):
        table.append(
            f"{number:>5}" + "".join(f" {cell:>{width}}" for cell in row) + f"  {sentence}"
        )
    return "\n".join(table) + "\n"
