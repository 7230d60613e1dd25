"""A model that answers, and the kept steps of its training."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from stplay.encoding import encoders
from stplay.encoding.client import Encoder, ModelFacts, Progress
from stplay.errors import UserError
from stplay.jobs import folders
from stplay.sources.names import RunName

MOST_CHECKPOINTS = 3


class ModelSlot:
    """Holds one model; another takes its place only once that one is loaded."""

    def __init__(self) -> None:
        self.facts: ModelFacts | None = None
        self.name = ""
        self.why = ""
        self.steps: dict[int, str] = {}
        self.encoder: Encoder | None = None
        self._checkpoints: list[str] = []

    @property
    def step(self) -> int | None:
        """Which kept step of its run the model is, if it is one."""
        return next((step for step, model in self.steps.items() if model == self.name), None)

    @property
    def final(self) -> str:
        """The name of the final model where the model is a kept step of a run, else its own."""
        name = RunName.of(self.name)
        return str(RunName(name.run)) if name else self.name

    async def open(self, name: str, why: str, progress: Progress) -> None:
        """Load the model called ``name``, tell how far it is, and let it answer from now on.

        ``why`` tells why it is this one where nobody asked for it.

        Raises:
            UserError: it cannot be loaded; the model before it stays.
        """
        encoder = Encoder(name)
        try:
            facts = await encoder.start(progress)
            steps = await asyncio.to_thread(kept_steps, name)
        except BaseException:
            await encoder.close()
            raise
        old, self.encoder = self.encoder, encoder
        self.steps = steps
        self.name, self.why, self.facts = name, why, facts
        if old is not None:
            await old.close()
        if (run := RunName.of(name)) and run.step is not None:
            await self._keep_few(name)

    async def _keep_few(self, name: str) -> None:
        """End the processes of checkpoints looked at long ago, unless others use them."""
        self._checkpoints = [each for each in self._checkpoints if each != name] + [name]
        while len(self._checkpoints) > MOST_CHECKPOINTS:
            with suppress(UserError):
                await encoders.end_unused(encoders.address(self._checkpoints.pop(0)))

    async def close(self) -> None:
        """Let the encoding process go."""
        if self.encoder is not None:
            await self.encoder.close()
        self.encoder = self.facts = None
        self.name = self.why = ""
        self.steps = {}


def kept_steps(model: str) -> dict[int, str]:
    """The names of the checkpoints that the run ``run:<id>`` or ``run:<id>@<step>`` kept."""
    name = RunName.of(model)
    if name is None:
        return {}
    try:
        steps = folders.checkpoints(folders.find(name.run))
    except UserError:
        return {}
    return {step: str(RunName(name.run, str(step))) for step in steps}
