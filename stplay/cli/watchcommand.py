"""The command ``watch``: anybody's training, as it is told where it is told."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stplay.cli import output, remotewatch
from stplay.cli.grammar import AddCommand
from stplay.errors import UserError
from stplay.exitcodes import FINISHED, INTERRUPTED

if TYPE_CHECKING:
    from stplay.jobs.follower import Follower
    from stplay.jobs.interrupts import Interrupts
    from stplay.remote.watching import WatchedSource
    from stplay.runs.traininglog import TrainingLog


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    watch_ = add("watch", watch, "Watch a training, also one that stplay did not start.")
    watch_.add_argument(
        "place",
        metavar="PLACE",
        help="a run, a Trainer's output folder, a console log, - for what is piped in, TensorBoard "
        "event files, or a model card: its file, its folder, or its name on the Hub; on another "
        "machine, through ssh, a run or a console log: host:NAME or host:path; its runs: host",
    )
    watch_.add_argument("--json", action="store_true", help="print the events, one a line")
    watch_.add_argument("--once", action="store_true", help="print what there is, and end")


def watch(options: argparse.Namespace) -> int:
    """Follow the training at a place; it goes on when this ends."""
    from stplay.foreign import places
    from stplay.jobs.follower import Follower
    from stplay.remote.hostnames import remote_place

    there = remote_place(options.place)
    if there is not None and not there.path:
        return remotewatch.list_runs(there, options.json)
    if there is not None:
        source = remotewatch.remote_source(there)
        try:
            return _watch(source, Follower(source), options, patience=0)
        finally:
            source.link.close()
    source, also = places.place(options.place)
    if also:
        output.remark(f"stplay: {also}")
    # Whoever pipes a training in would end it by not listening any more.
    patience = 1 if options.place == places.STDIN else 0
    return _watch(source, Follower(source), options, patience)


def _watch(
    source: WatchedSource,
    follower: Follower[TrainingLog],
    options: argparse.Namespace,
    patience: int,
) -> int:
    from stplay.jobs.interrupts import Interrupts

    if options.once:
        _show_once(source, follower, options.json)
        return FINISHED
    interrupts = Interrupts()
    interrupts.let_hang_up()
    return _follow(source, follower, options.json, interrupts, patience)


def _follow(
    source: WatchedSource,
    follower: Follower[TrainingLog],
    as_json: bool,
    interrupts: Interrupts,
    patience: int,
) -> int:
    from stplay.cli.trainingview import view_for
    from stplay.remote.watching import RemoteSource

    view = view_for(source, as_json)
    is_remote = isinstance(source, RemoteSource)
    link = remotewatch.LinkTeller(source, view, as_json) if is_remote else None
    told = False
    try:
        for piece in follower.pieces():
            view.show(follower.log, piece.events, piece.lines)
            if link is not None:
                link.tell()
            if interrupts.count > patience:
                return INTERRUPTED
            if interrupts.count and not told:
                told = True
                view.say("Reading on until the output ends; Ctrl+C again leaves it")
    finally:
        view.close()
    _check(source, follower.log)
    return FINISHED


def _show_once(source: WatchedSource, follower: Follower[TrainingLog], as_json: bool) -> None:
    from stplay.cli.trainingview import JsonView, show_once
    from stplay.remote.watching import RemoteSource

    for piece in follower.pieces():
        if as_json:
            JsonView().show(follower.log, piece.events, piece.lines)
        if follower.caught_up:
            break
        if isinstance(source, RemoteSource):
            remotewatch.check_link(source)
    _check(source, follower.log)
    if not as_json:
        show_once(source.id, follower.log)


def _check(source: WatchedSource, log: TrainingLog) -> None:
    """Make sure that what was read is a training.

    Raises:
        UserError: nothing of one was told.
    """
    from stplay.foreign.foreignlog import ForeignLog

    if isinstance(log, ForeignLog) and not log.told_anything:
        raise UserError(
            f"Nothing of a training can be read in {source.title.removeprefix('The training in ')}:"
            " no line of figures, no progress bar, no table."
        )
