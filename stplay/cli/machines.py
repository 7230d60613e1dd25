"""The options that train in several processes and on several machines, named as torchrun's are."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from stplay.cli import output
from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.jobs.interrupts import Interrupts
    from stplay.runs.torchrun import Torchrun

LOOKED_AT_SECONDS = 0.2


def add_to(command: argparse.ArgumentParser) -> None:
    """Add the options to ``command``."""
    group = command.add_argument_group("several processes, as torchrun starts them")
    group.add_argument(
        "--nproc-per-node",
        type=_processes,
        metavar="N|gpu",
        help="so many processes on each machine, each on a GPU of its own, or as many as it has",
    )
    group.add_argument("--nnodes", type=_whole, metavar="N", help="so many machines")
    group.add_argument(
        "--node-rank",
        type=_whole,
        metavar="N",
        help="which of them this is; 0 makes the run (within srun it is known)",
    )
    group.add_argument(
        "--rdzv-endpoint", metavar="HOST:PORT", help="where they meet: a port of one of them"
    )
    group.add_argument(
        "--max-restarts",
        type=_whole,
        metavar="N",
        help="where a process fails, go on from the last checkpoint, so many times at most",
    )


def _processes(text: str) -> str:
    if text == "gpu" or (text.isdecimal() and int(text) > 0):
        return text
    raise argparse.ArgumentTypeError(f"{printable(text)!r} is neither a number above 0 nor gpu")


def _whole(text: str) -> int:
    if text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError(f"{printable(text)!r} is no whole number")


def torchrun_of(options: argparse.Namespace) -> Torchrun | None:
    """What ``options`` say of processes and machines; ``None`` where they say nothing.

    Raises:
        UserError: they do not go together.
    """
    from stplay.runs.torchrun import Torchrun

    nnodes = options.nnodes or 1
    given = ("nproc_per_node", "nnodes", "node_rank", "rdzv_endpoint", "max_restarts")
    if all(getattr(options, name) is None for name in given):
        return None
    if (nnodes > 1) != (options.rdzv_endpoint is not None):
        raise UserError(
            "Several machines need both --nnodes, how many they are, and --rdzv-endpoint, where "
            "they meet, such as --nnodes 2 --rdzv-endpoint node1:29500."
        )
    node_rank = options.node_rank
    if nnodes > 1 and node_rank is None:
        if os.environ.get("SLURM_LOCALID", "0") != "0":
            raise UserError(
                "srun has started stplay more than once on this machine; start it with "
                "--ntasks-per-node=1, and the processes by --nproc-per-node."
            )
        node_rank = int(os.environ.get("SLURM_NODEID", "0"))
    if (node_rank or 0) >= nnodes:
        raise UserError(f"--node-rank {node_rank} is none of {nnodes}; they count from 0.")
    return Torchrun(
        options.nproc_per_node or "1",
        nnodes,
        node_rank or 0,
        options.rdzv_endpoint,
        options.max_restarts or 0,
    )


def take_part(
    name: str | None, torchrun: Torchrun, interrupts: Interrupts, overrides: Sequence[str] = ()
) -> int:
    """Start this machine's processes of the run ``name``, which another makes; wait for them.

    ``overrides`` are those of its recipe.

    Raises:
        UserError: the run has no name to be found by, or the processes failed.
    """
    from stplay import home
    from stplay.jobs import folders, process

    if name is None or not folders.NAME.fullmatch(name):
        raise UserError("On several machines, give the run a --name: the others find it by that.")
    log = home.cache_folder() / "machines" / f"{name}-{torchrun.node_rank}.log"
    child = process.start(*torchrun.command(home.runs_folder() / name, overrides), log=log)
    output.say(f"run {name}: this machine takes part as {torchrun.node_rank} of {torchrun.nnodes}")
    passed_on = 0
    while (code := process.exit_code(child, LOOKED_AT_SECONDS)) is None:
        if interrupts.count > passed_on:
            passed_on = interrupts.count
            child.terminate()
    if code != FINISHED:
        raise UserError(process.failure(f"launcher of {name} on this machine", code, log))
    return FINISHED
