"""The command ``delete``: runs are removed from the disk, once the person has confirmed it."""

from __future__ import annotations

import argparse
import sys

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.text import size


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    delete_ = add("delete", delete, "Remove runs from the disk, with their models.")
    delete_.add_argument("runs", nargs="+", metavar="RUN")
    delete_.add_argument("--yes", action="store_true", help="do not ask first")
    delete_.add_argument(
        "--force",
        action="store_true",
        help="also a run that another machine, which is not heard of, may still work on",
    )


def delete(options: argparse.Namespace) -> int:
    """Remove the runs that are named: all of them, or, where one cannot be, none."""
    from stplay.runs.run import Run

    chosen = [Run.find_folder(name) for name in dict.fromkeys(options.runs)]
    for run in chosen:
        run.check_deletable(options.force)
    if not options.yes and not _confirmed([run.id for run in chosen]):
        output.remark("Nothing was deleted.")
        return FINISHED
    for run in chosen:
        output.say(f"{run.id}: deleted, {size(run.delete())} freed")
    return FINISHED


def _confirmed(names: list[str]) -> bool:
    """Whether the person at the terminal says yes.

    Raises:
        UserError: there is no terminal to ask at.
    """
    named = " ".join(names)
    if not (sys.stdin and sys.stdin.isatty()):
        raise UserError(
            f"Nothing was deleted: without a terminal to ask at, say: stplay delete --yes {named}"
        )
    answer = output.ask(f"Delete {named}, with all checkpoints and models? [y/N] ")
    return answer.lower() in ("y", "yes")
