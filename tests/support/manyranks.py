"""Trainings in several processes of one machine, each a Python of its own.

Run as ``python manyranks.py FOLDER SIZE PORT RANK``, it is one of them.
"""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Work = Callable[..., Any]


def in_ranks(size: int, folder: Path, work: Work) -> list[Any]:
    """What ``work`` gives in each of ``size`` processes that exchange by gloo, by their ranks.

    ``work`` takes the ``Ranks`` and can be pickled: what a fork of the tests' own process inherits
    are locks of threads that it does not have.
    """
    with (folder / "work.pickle").open("wb") as file:
        pickle.dump(sys.path, file)
        pickle.dump(work, file)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    told = [str(folder), *map(str, (size, port))]
    processes = [
        subprocess.Popen([sys.executable, __file__, *told, str(rank)], stdin=subprocess.DEVNULL)
        for rank in range(size)
    ]
    assert [process.wait() for process in processes] == [0] * size
    return [pickle.loads((folder / f"rank-{rank}.pickle").read_bytes()) for rank in range(size)]


def take_part(folder: Path, size: int, port: str, rank: int) -> None:
    """Be the process of ``rank``."""
    from stplay.engine.worker.place import Place
    from stplay.engine.worker.ranks import Ranks

    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    told |= {"RANK": str(rank), "WORLD_SIZE": str(size)}
    ranks = Ranks(Place(rank, size, rank, size, told=told))
    ranks.join()
    with (folder / "work.pickle").open("rb") as file:
        sys.path = pickle.load(file)
        work: Work = pickle.load(file)
    found = work(ranks)
    (folder / f"rank-{rank}.pickle").write_bytes(pickle.dumps(found))
    ranks.part()


if __name__ == "__main__":
    take_part(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
