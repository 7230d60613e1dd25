"""The first rows of the built-in sample are the same for ever: a process of tests reads them once.

A real process reads them the first time, as it does the rows of any other data each time.
"""

from __future__ import annotations

from stplay.screens.train import datapreview
from stplay.sources import firstrows
from stplay.sources.datasources import OwnNames
from stplay.sources.firstrows import FirstRows
from stplay.sources.names import SAMPLE

WAIT_SECONDS = 0.05  # a test fills in a field at once and does not type

read = firstrows.read
known: dict[tuple[str, int | None, str], FirstRows] = {}


async def read_once(name: str, rows: int | None, columns: OwnNames | None = None) -> FirstRows:
    """As ``firstrows.read``."""
    if name != SAMPLE or columns:
        return await read(name, rows, columns)
    key = name, rows, firstrows.MODULE
    if key not in known:
        known[key] = await read(name, rows, columns)
    return known[key]


def read_the_sample_once() -> None:
    """Have every app of this process show what another has read."""
    firstrows.read = read_once
    datapreview.PATIENCE_SECONDS = WAIT_SECONDS
