"""A model that answers: its encoding process, and what it made of the sentences."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from textual.content import Content

from stplay import encoders, runfolders
from stplay.encoder import Encoded, Encoder, ModelFacts, Progress
from stplay.errors import UserError
from stplay.screens.ramp import MUTED
from stplay.text import count, printable

MOST_CHECKPOINTS = 3


class ModelSlot:
    """Holds one model; another takes its place only once that one is loaded."""

    def __init__(self) -> None:
        self.facts: ModelFacts | None = None
        self.encoded: Encoded | None = None
        self.name = ""
        self._encoder: Encoder | None = None
        self._checkpoints: list[str] = []

    @property
    def encoder(self) -> Encoder:
        """The encoder of the model, which must be open."""
        assert self._encoder is not None
        return self._encoder

    def words(self, *, brief: bool) -> Content:
        """The model's name and what is to be known of it; not all of that where ``brief``."""
        facts = self.facts
        assert facts is not None
        about = f"   {count(facts.dimensions)} dimensions"
        if facts.max_tokens and not brief:
            about += f"   up to {count(facts.max_tokens)} tokens"
        return Content.assemble((printable(facts.name), "bold"), (about, MUTED))

    async def open(self, name: str, progress: Progress) -> None:
        """Load the model called ``name``, tell how far it is, and let it answer from now on.

        Raises:
            UserError: it cannot be loaded; the model before it stays.
        """
        encoder = Encoder(name)
        try:
            facts = await encoder.start(progress)
        except BaseException:
            await encoder.close()
            raise
        old, self._encoder = self._encoder, encoder
        self.name, self.facts, self.encoded = name, facts, None
        if old is not None:
            await old.close()
        if "@" in name:
            await self._keep_few(name)

    async def _keep_few(self, name: str) -> None:
        """End the processes of checkpoints looked at long ago, unless others use them."""
        self._checkpoints = [each for each in self._checkpoints if each != name] + [name]
        while len(self._checkpoints) > MOST_CHECKPOINTS:
            with suppress(UserError):
                await encoders.end_unused(encoders.address(self._checkpoints.pop(0)))

    async def encode(self, sentences: Sequence[str]) -> None:
        """Ask the model about ``sentences``.

        Raises:
            Superseded: a newer request took this one's place.
            UserError: the encoding process failed twice.
        """
        encoder = self.encoder
        encoded = await encoder.encode(list(sentences))
        if encoder is self._encoder:
            self.encoded = encoded

    async def close(self) -> None:
        """Let the encoding process go."""
        if self._encoder is not None:
            await self._encoder.close()
            self._encoder = None
        self.facts = self.encoded = None
        self.name = ""


def kept_steps(model: str) -> dict[int, str]:
    """The names of the checkpoints that the run ``run:<id>`` or ``run:<id>@<step>`` kept."""
    if not model.startswith("run:"):
        return {}
    run = model.removeprefix("run:").partition("@")[0]
    try:
        steps = runfolders.checkpoints(runfolders.find(run))
    except UserError:
        return {}
    return {step: f"run:{run}@{step}" for step in steps}
