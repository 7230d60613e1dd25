"""How many processes train together, on how many machines, in torchrun's words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MODULE = "stplay.engine.launch"
OVERRIDES = "--"  # what comes after it is not torchrun's


class Torchrun(NamedTuple):
    """The options of ``torchrun`` that a training is started with, by their names there.

    ``nproc_per_node`` is a number or ``gpu``, as many as a machine has GPUs. Of ``nnodes``
    machines, which meet at ``rdzv_endpoint`` (host:port), the one of ``node_rank`` 0 makes the run
    and tells of it. Where a process fails, all are started again, at most ``max_restarts`` times.
    """

    nproc_per_node: str = "1"
    nnodes: int = 1
    node_rank: int = 0
    rdzv_endpoint: str | None = None
    max_restarts: int = 0

    @property
    def is_needed(self) -> bool:
        """Whether anything but one process is to be started."""
        return (self.nproc_per_node, self.nnodes, self.max_restarts) != ("1", 1, 0)

    def command(self, folder: Path, overrides: Sequence[str] = ()) -> list[str]:
        """The launcher of the run in ``folder``, and its arguments.

        ``overrides`` of its recipe come after all that torchrun is told.
        """
        return [MODULE, str(folder), *self._arguments(folder.name), OVERRIDES, *overrides]

    def _arguments(self, run_id: str) -> list[str]:
        """The options as torchrun takes them, by which the machines of the run meet."""
        common = ["--nproc-per-node", self.nproc_per_node, "--max-restarts", str(self.max_restarts)]
        if self.rdzv_endpoint is None:
            return ["--standalone", "--local-addr=localhost", *common]
        where = ["--rdzv-backend=c10d", "--rdzv-endpoint", self.rdzv_endpoint, "--rdzv-id", run_id]
        return ["--nnodes", str(self.nnodes), f"--node-rank={self.node_rank}", *where, *common]
