"""Trainings in several processes of one machine, forked from that of the tests."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.multiprocessing.spawn import start_processes

from stplay.engine.worker.place import Place
from stplay.engine.worker.ranks import Ranks

Work = Callable[[Ranks], Any]


def in_ranks(size: int, folder: Path, work: Work) -> list[Any]:
    """What ``work`` gives in each of ``size`` processes that exchange by gloo, by their ranks."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start_processes(_take_part, (size, port, folder, work), nprocs=size, start_method="fork")
    return [torch.load(folder / f"rank-{rank}.pt", weights_only=False) for rank in range(size)]


def _take_part(rank: int, size: int, port: int, folder: Path, work: Work) -> None:
    torch.set_num_threads(1)  # the threads of the process that was forked are not there
    told = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    told |= {"RANK": str(rank), "WORLD_SIZE": str(size)}
    ranks = Ranks(Place(rank, size, rank, size, told=told))
    ranks.join()
    torch.save(work(ranks), folder / f"rank-{rank}.pt")
    ranks.part()
