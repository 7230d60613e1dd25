"""The commands ``checkpoint`` and ``evaluate-now``: what a run at work is asked for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.exitcodes import FAILED, FINISHED
from stplay.text import count, decimals, printable

if TYPE_CHECKING:
    from stplay.jobs.events import Control, ControlAnswered
    from stplay.runs.run import Run


def add_to(add: AddCommand) -> None:
    """Add the commands to the command line."""
    for name, command, text in (
        ("checkpoint", checkpoint, "Have a run at work save a checkpoint after this step."),
        ("evaluate-now", evaluate_now, "Have a run at work evaluate on dev after this step."),
    ):
        add(name, command, text).add_argument("run", metavar="RUN")


def checkpoint(options: argparse.Namespace) -> int:
    """Ask a run for a checkpoint, and wait until it is whole."""
    return _asked(options.run, "checkpoint")


def evaluate_now(options: argparse.Namespace) -> int:
    """Ask a run for an evaluation on dev, and wait for its figures."""
    return _asked(options.run, "evaluation")


def _asked(name: str, control: Control) -> int:
    """Ask the run called ``name`` for ``control``, and tell its answer."""
    from stplay.jobs.events import ControlAnswered
    from stplay.jobs.follower import Follower
    from stplay.runs.run import Run

    run = Run.find(name)
    follower = Follower(run)
    asked = False
    for piece in follower.pieces():
        for event in piece.events if asked else ():  # what was answered before is no answer
            if isinstance(event, ControlAnswered) and event.control == control:
                return _tell(run, event)
        if follower.caught_up and not asked:
            run.ask(control, follower.log)
            asked = True
    output.remark(f"stplay: {run.id} ended before it came to that: {follower.log.state}.")
    return FAILED


def _tell(run: Run, answer: ControlAnswered) -> int:
    if answer.refusal is not None:
        output.remark(f"stplay: {run.id}: {printable(answer.refusal)}")
        return FAILED
    log = run.read_log()
    found = log.evaluations.get(("dev", answer.step))
    words = f"{run.id}: step {count(answer.step)}  "
    if answer.control == "checkpoint":
        output.say(f"{words}checkpoint saved; name it run:{run.id}@{answer.step}")
    elif found is not None:
        output.say(
            f"{words}loss {decimals(found.loss, 4)}  max accuracy {decimals(found.max_accuracy, 3)}"
        )
    return FINISHED
