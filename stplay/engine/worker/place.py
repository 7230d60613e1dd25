"""Which of the processes of a training this one is, as torchrun tells each of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from stplay.jobs.process import take_launchers_own

LAUNCHER = "STPLAY_LAUNCHER"  # tells a process the id of the one that has started it by torchrun
STOPPING = "STPLAY_STOPPING"  # and that this one was asked to stop


class Place(NamedTuple):
    """One of ``size`` processes that train together, which torch numbers by ``rank``.

    Of the ``local_size`` on its machine, one of ``machines``, it is the one at ``local_rank``.
    ``launcher`` is the process that has started it, ``None`` where it is alone, and ``restarts``
    tells how often all of them were started again, ``is_stopping`` that they should not have been.
    ``told`` are torchrun's variables.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    machines: int = 1
    restarts: int = 0
    launcher: int | None = None
    is_stopping: bool = False
    told: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def taken(cls) -> Place:
        """That of this process, its variables taken out of the environment.

        accelerate would read them there, wrap the model for itself and split each batch once more.
        """
        launcher, stopping = (os.environ.pop(name, None) for name in (LAUNCHER, STOPPING))
        told = take_launchers_own(os.environ)
        if launcher is None:
            return cls()
        return cls(
            rank=int(told["RANK"]),
            size=int(told["WORLD_SIZE"]),
            local_rank=int(told["LOCAL_RANK"]),
            local_size=int(told["LOCAL_WORLD_SIZE"]),
            machines=int(told["GROUP_WORLD_SIZE"]),
            restarts=int(told["TORCHELASTIC_RESTART_COUNT"]),
            launcher=int(launcher),
            is_stopping=stopping is not None,
            told=told,
        )


NO_OTHERS = Place()
