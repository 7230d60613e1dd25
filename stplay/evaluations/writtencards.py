"""The figures of an evaluation in the models' own cards, written by a process of its own."""

from __future__ import annotations

from pathlib import Path

from stplay import home
from stplay.jobs import process
from stplay.jobs.process import Reply

MODULE = "stplay.engine.writecard"
MOST_SECONDS = 300.0


class CardsWritten(Reply):
    """What became of each card, a sentence each."""

    sentences: list[str]


async def write(folder: Path) -> list[str]:
    """Write the figures of the evaluation in ``folder``; returns a sentence for each model.

    Raises:
        UserError: there are no figures, or the process failed.
    """
    written = await process.ask_async(
        MODULE,
        str(folder),
        kind=CardsWritten,
        log=home.cache_folder() / "modelcard.log",
        title="process that writes the cards",
        seconds=MOST_SECONDS,
    )
    return written.sentences
