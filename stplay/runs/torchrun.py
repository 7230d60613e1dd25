"""How many processes train together, in torchrun's words."""

from __future__ import annotations

from typing import NamedTuple

MODULE = "stplay.engine.launch"


class Torchrun(NamedTuple):
    """The options of ``torchrun`` that a training is started with, by their names there.

    ``nproc_per_node`` is a number or ``gpu``, as many as there are GPUs.
    """

    nproc_per_node: str = "1"

    @property
    def is_needed(self) -> bool:
        """Whether there is more than one process to start."""
        return self.nproc_per_node != "1"

    @property
    def arguments(self) -> list[str]:
        """The options as torchrun takes them."""
        return ["--standalone", "--local-addr=localhost", "--nproc-per-node", self.nproc_per_node]
