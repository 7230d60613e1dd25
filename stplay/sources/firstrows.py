"""The first rows of data by name, read by a process of its own, as the training will read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from stplay import home
from stplay.jobs import process
from stplay.jobs.process import Reply
from stplay.sources.datasources import OwnNames
from stplay.sources.names import absolute

MODULE = "stplay.engine.preview"
MOST_SECONDS = 300.0


class FirstRows(Reply, omit_defaults=True):
    """The first rows of a split; ``rows`` is the number of all, where that is known.

    Each has an anchor, a positive and whatever negatives there are of it, of which a training takes
    ``negatives``. ``remarks`` tell which columns were taken and what was left out.
    """

    triplets: Sequence[tuple[str, ...]] = ()
    rows: int | None = None
    negatives: int = 1
    skipped: int = 0
    synthetic: bool = False
    remarks: Sequence[str] = ()


async def read(name: str, rows: int | None, columns: OwnNames | None = None) -> FirstRows:
    """The first triplets that a training on ``rows`` rows of the data called ``name`` would take.

    ``columns`` are the data's own names of those that have no usual one.

    Raises:
        RefusalError: the data is missing or damaged, or cannot be downloaded.
        UserError: it cannot be told, as the process failed.
    """
    data = absolute(name, Path.cwd())
    return await process.ask_async(
        MODULE,
        data,
        "" if rows is None else str(rows),
        msgspec.json.encode(columns or {}).decode(),
        kind=FirstRows,
        log=home.cache_folder() / "preview.log",
        title="process that reads the data",
        seconds=MOST_SECONDS,
    )
