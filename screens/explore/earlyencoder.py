"""The encoder that is started before anyone asks for it, so that Explore finds it warm."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from stplay.encoding import encoders
from stplay.errors import UserError
from stplay.runs import modelsathand
from stplay.runs.runsummary import run_at_work


class EarlyEncoder:
    """The encoding process of the best model at hand, kept for as long as the app is open."""

    def __init__(self) -> None:
        self._place: encoders.Address | None = None
        self._streams: encoders.Streams | None = None
        self._reached: float | None = None

    async def start(self) -> None:
        """Launch the process where there is none; what fails is told where the model is used."""
        with suppress(UserError, OSError):
            if await asyncio.to_thread(run_at_work):  # a training needs cores and memory more
                return
            best = await asyncio.to_thread(modelsathand.best)
            place = await asyncio.to_thread(encoders.address, best.name)
            if await encoders.is_there(place):
                return
            self._place = place
            self._streams, _ = await encoders.reach(place)
            self._reached = time.monotonic()

    async def end(self) -> None:
        """End the process, unless others are connected to it or it was used meanwhile."""
        if self._place is not None:
            await encoders.end_unused(self._place, self._reached, int(self._streams is not None))
