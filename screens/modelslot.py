"""A model that answers: its encoding process, and what it made of the sentences."""

from __future__ import annotations

from collections.abc import Sequence

from stplay import runfolders
from stplay.encoder import Encoded, Encoder, ModelFacts, Progress
from stplay.errors import UserError


class ModelSlot:
    """Holds one model; another takes its place only once that one is loaded."""

    def __init__(self) -> None:
        self.facts: ModelFacts | None = None
        self.encoded: Encoded | None = None
        self.name = ""
        self._encoder: Encoder | None = None

    @property
    def encoder(self) -> Encoder:
        """The encoder of the model, which must be open."""
        assert self._encoder is not None
        return self._encoder

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
