"""The command ``events``: the event log of a run, byte by byte, for scripts and other machines."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, BinaryIO

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.errors import UserError
from stplay.exitcodes import FINISHED, INTERRUPTED
from stplay.text import MOST_DIGITS, clipped, printable

if TYPE_CHECKING:
    from stplay.runs.run import Run

PIECE_BYTES = 1 << 20


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    events_ = add("events", events, "Print the event log of a run, one JSON object a line.")
    events_.add_argument("run", metavar="RUN", help="a run, or the path of its folder")
    events_.add_argument(
        "--follow", action="store_true", help="go on as events come, until the run has ended"
    )
    events_.add_argument(
        "--from",
        type=_offset,
        default=0,
        dest="offset",
        metavar="OFFSET",
        help="leave out so many bytes of the log, as those that are known already",
    )


def _offset(text: str) -> int:
    """A number of bytes.

    Raises:
        ArgumentTypeError: it is none.
    """
    if text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS:
        return int(text)
    raise argparse.ArgumentTypeError(f"{clipped(printable(text), 40)!r} is no number of bytes")


def events(options: argparse.Namespace) -> int:
    """Print the bytes of a run's log from an offset on."""
    run = _run(options.run)
    try:
        with run.events_path.open("rb") as file:
            if os.fstat(file.fileno()).st_size < options.offset:
                raise UserError(
                    f"The event log of {run.id} has fewer than {options.offset} bytes; it was "
                    "replaced, or is another run's. Begin without --from."
                )
            file.seek(options.offset)
            return _print(run, file, options.follow)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        reason = error.strerror or str(error)
        raise UserError(f"{run.events_path} cannot be read: {reason}.") from None


def _run(name: str) -> Run:
    """The run called ``name``, or that in the folder of this path.

    Raises:
        UserError: there is none.
    """
    from stplay.jobs import folders
    from stplay.runs.run import Run
    from stplay.sources.names import RunName
    from stplay.sources.paths import expanded, holds, resolved

    named = RunName.of(name)
    path = expanded(name)
    if named is None and os.sep in name and holds((path / folders.EVENTS).is_file):
        return Run(resolved(path))
    return Run.find(named.run if named is not None else name)


def _print(run: Run, file: BinaryIO, follow: bool) -> int:
    from stplay.jobs.follower import Follower
    from stplay.jobs.interrupts import Interrupts

    _copy(file)
    if not follow:
        return FINISHED
    interrupts = Interrupts()
    interrupts.let_hang_up()
    for _ in Follower(run).pieces():
        _copy(file)
        if interrupts.count:
            return INTERRUPTED
        _check_same(run, file)
    return FINISHED


def _copy(file: BinaryIO) -> None:
    """Print the whole lines that are there; a last one without its end comes once it has it."""
    data = output.Data("json")
    while piece := file.read(PIECE_BYTES):
        end = piece.rfind(b"\n") + 1
        if not end and len(piece) < PIECE_BYTES:
            file.seek(-len(piece), os.SEEK_CUR)
            break
        whole = piece[: end or None]
        data.write(whole)
        file.seek(len(whole) - len(piece), os.SEEK_CUR)
    output.flush()


def _check_same(run: Run, file: BinaryIO) -> None:
    """Make sure that the log is the one that is printed.

    Raises:
        UserError: another one took its place, or it was cut.
    """
    opened, found = os.fstat(file.fileno()), run.events_path.stat()
    if opened.st_ino != found.st_ino or found.st_size < file.tell():
        raise UserError(
            f"The event log of {run.id} was replaced by another one; begin without --from."
        )
