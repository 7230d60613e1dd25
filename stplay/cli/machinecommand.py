"""The command ``machine``: what this machine has and how busy it is, without a run."""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.exitcodes import FINISHED

if TYPE_CHECKING:
    from rich.text import Text

    from stplay.jobs.machinewords import MachineHistory
    from stplay.jobs.sampler import Sampler

FIRST_SECONDS, SECONDS = 1.0, 2.0  # until what goes through disk and network is a rate
STYLES = {"title": "bold", "quiet": "dim", "bar": "cyan", "curve": "cyan", "warning": "yellow"}


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    machine_ = add(
        "machine", machine, "Show this machine live: GPUs, processors, memory, disk and network."
    )
    machine_.add_argument("--once", action="store_true", help="print it once, as in a pipe")
    machine_.add_argument("--json", action="store_true", help="print one object")


def machine(options: argparse.Namespace) -> int:
    """Show the machine until Ctrl+C, or once."""
    from stplay import home
    from stplay.jobs.sampler import Sampler

    sampler = Sampler(_existing(home.runs_folder()))
    if options.json:
        found = sampler.found()
        time.sleep(FIRST_SECONDS)
        output.json({"host": platform.node(), "machine": found, "load": sampler.load()})
        return FINISHED
    samples = _sampled(sampler)
    if options.once or not output.on_terminal():
        width = output.console().width if output.on_terminal() else output.PIPE_WIDTH
        output.show(_text(next(samples), width))
        return FINISHED
    _show_live(samples)
    return FINISHED


def _existing(folder: Path) -> Path:
    """``folder``, or what it will be made in."""
    return next(path for path in (folder, *folder.parents) if path.is_dir())


def _sampled(sampler: Sampler) -> Iterator[MachineHistory]:
    """What is known of the machine, with one more sample each time."""
    from stplay.jobs.events import SystemSampled
    from stplay.jobs.machinewords import MachineHistory

    history = MachineHistory()
    history.apply(sampler.found())
    time.sleep(FIRST_SECONDS)
    while True:
        history.apply(SystemSampled(cpu_percent=0, memory_bytes=0, machine=sampler.load()))
        yield history
        time.sleep(SECONDS)


def _show_live(samples: Iterator[MachineHistory]) -> None:
    from rich.live import Live

    console = output.console()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        try:
            for history in samples:
                live.update(_text(history, console.width), refresh=True)
        except KeyboardInterrupt:  # how it is ended
            return


def _text(history: MachineHistory, width: int) -> Text:
    from rich.text import Text

    lines = [
        Text.assemble(*((part.text, STYLES.get(part.role, "")) for part in line), no_wrap=True)
        for line in history.lines(platform.node(), width)
    ]
    return Text("\n", no_wrap=True).join(lines)
