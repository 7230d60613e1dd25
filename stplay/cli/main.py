"""The front door: the grammar of the command line, and how a command ends."""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Callable, Sequence

from stplay import __version__
from stplay.cli import (
    appcommands,
    comparisonreport,
    controlcommands,
    deletion,
    doctorcommand,
    encodercommands,
    evaluationcommands,
    eventscommand,
    machinecommand,
    output,
    recipecommand,
    runcommands,
    runlisting,
    servecommand,
    watchcommand,
)
from stplay.errors import UserError
from stplay.exitcodes import FAILED, FINISHED, INTERRUPTED, NOTHING_STARTED, WRONG_INPUT

LAUNCHING = (runcommands.train, runcommands.resume, evaluationcommands.evaluate)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0 finished, 1 the work failed, 2 the input was wrong, 130 interrupted.
    """
    output.begin()
    options = None
    try:
        try:
            options = parser().parse_args(arguments)
            return options.command(options)
        finally:
            output.flush()  # here, where a reader that went away is no surprise
    except UserError as error:
        output.remark(f"stplay: {error.sentence}")
        return WRONG_INPUT
    except BrokenPipeError:
        return FINISHED  # The reader of our output went away; nothing that runs depends on it.
    except KeyboardInterrupt:
        if options is None or options.command in LAUNCHING:  # they heed it themselves once begun
            output.remark(NOTHING_STARTED)
        return INTERRUPTED
    except Exception:  # a fault of ours: its story holds names and texts of others
        output.remark(traceback.format_exc().rstrip())
        return FAILED


def parser() -> argparse.ArgumentParser:
    """The grammar of the command line."""
    top = output.Parser(
        prog="stplay",
        description="The terminal workbench for sentence embeddings: train, evaluate, explore.",
        epilog="Without a command, the app opens.",
    )
    top.add_argument("--version", action="version", version=f"stplay {__version__}")
    top.set_defaults(command=appcommands.open_app)
    appcommands.take_calm(top)
    commands = top.add_subparsers(metavar="COMMAND")

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    for subject in (
        runcommands,
        recipecommand,
        runlisting,
        eventscommand,
        comparisonreport,
        controlcommands,
        watchcommand,
        deletion,
        evaluationcommands,
        appcommands,
        servecommand,
        encodercommands,
        machinecommand,
        doctorcommand,
    ):
        subject.add_to(add)
    return top
