"""Whether the processes that train together have the same before them."""

from __future__ import annotations

import platform
from typing import Any

from stplay.engine.worker.ranks import Ranks
from stplay.errors import UserError
from stplay.text import printable


def check_same(ranks: Ranks, facts: dict[str, Any]) -> None:
    """Make sure that the ``facts``, by what people call them, are those of all ``ranks``.

    Raises:
        UserError: a process has others than the first; names both, and tells which.
        PeerLostError: one has ended.
    """
    told = ranks.collected((printable(platform.node()), facts))
    first_host, first = told[0]
    for rank, (host, own) in enumerate(told):
        other = [name for name, fact in first.items() if own[name] != fact]
        if other:
            raise UserError(
                f"Process {rank}, on {host}, has another {other[0]} than process 0, on "
                f"{first_host}; they train together on the same only."
            )
