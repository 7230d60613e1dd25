"""The commands ``train``, ``plan``, ``stop`` and ``resume``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stplay.cli import machines, output
from stplay.cli.grammar import AddCommand
from stplay.errors import UserError
from stplay.exitcodes import FAILED, FINISHED, INTERRUPTED, WRONG_INPUT

if TYPE_CHECKING:
    from stplay.jobs.interrupts import Interrupts
    from stplay.runs.run import Run


def add_to(add: AddCommand) -> None:
    """Add the commands to the command line."""
    train_ = add("train", train, "Train a recipe and show it live; Ctrl+C saves and stops.")
    take_recipe(train_)
    train_.add_argument("--name", help="the run's name; the next free number where left out")
    train_.add_argument("--detach", action="store_true", help="start it and come back at once")
    train_.add_argument("--json", action="store_true", help="print the events, one a line")
    machines.add_to(train_)

    plan_ = add("plan", plan, "Measure what a recipe takes here: what fits, and how fast it is.")
    take_recipe(plan_)
    plan_.add_argument("--json", action="store_true", help="print one object")

    stop_ = add("stop", stop, "Stop a run after the step it is at, with a checkpoint.")
    stop_.add_argument("run", metavar="RUN")
    stop_.add_argument(
        "--after-epoch", action="store_true", help="not now, but at the end of the epoch it is in"
    )

    resume_ = add("resume", resume, "Go on with a run from its last checkpoint, or make it longer.")
    resume_.add_argument("run", metavar="RUN")
    resume_.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        dest="overrides",
        help="change what may change in a run that goes on, such as loss.mini_batch_size=8, or "
        "make one longer, also one that has finished: training.num_train_epochs=6",
    )
    resume_.add_argument("--detach", action="store_true", help="start it and come back at once")
    resume_.add_argument("--json", action="store_true", help="print the events, one a line")
    resume_.add_argument(
        "--force",
        action="store_true",
        help="also where another machine, which is not heard of, may still work on it",
    )
    machines.add_to(resume_)


def take_recipe(command: argparse.ArgumentParser) -> None:
    """Take a recipe, and changes of it."""
    command.add_argument(
        "recipe",
        nargs="?",
        default="sample",
        help="a preset (sample, all-nli), a .toml file, or run:NAME for the recipe of a run",
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        dest="overrides",
        help="override a field of the recipe, such as training.num_train_epochs=2",
    )


def train(options: argparse.Namespace) -> int:
    """Make a run of a recipe, start it, and follow it."""
    from stplay.jobs.interrupts import Interrupts

    interrupts = Interrupts()  # from now on nothing is left half-made
    from stplay.jobs.job import LaunchStoppedError
    from stplay.runs import recipe
    from stplay.runs.run import Run

    torchrun = machines.torchrun_of(options)
    if torchrun and torchrun.node_rank:
        return machines.take_part(options.name, torchrun, interrupts)
    chosen = recipe.load(options.recipe, options.overrides)
    chosen.check_sources()
    run = Run.create(chosen, options.name, recipe.stem(options.recipe))
    run.torchrun = torchrun
    try:
        exit_code = _launch(run, options, interrupts)
        if exit_code == WRONG_INPUT:
            _remove_unbegun(run)
        return exit_code
    except LaunchStoppedError:
        run.delete()
        output.remark("stplay: Interrupted before the training began; there is no run.")
        return INTERRUPTED


def _remove_unbegun(run: Run) -> None:
    """Remove a run whose training could not begin; where its last word names it, it is kept."""
    if f"resume {run.id}" not in (run.read_log().error or "") and run.never_began():
        run.delete()


def plan(options: argparse.Namespace) -> int:
    """Measure what a recipe takes on this machine."""
    from stplay.runs import plans, recipe

    chosen = recipe.load(options.recipe, options.overrides)
    chosen.check_sources()
    with output.StatusLine() as status:
        found = plans.make(chosen, lambda stage: status.show(plans.stage_line(stage)))
    if options.json:
        output.json(found)
        return FINISHED
    for line in plans.lines(found):
        output.say(line)
    return FINISHED


def resume(options: argparse.Namespace) -> int:
    """Go on with a run from its last checkpoint, and follow it."""
    from stplay.jobs.interrupts import Interrupts

    interrupts = Interrupts()
    from stplay.jobs.job import LaunchStoppedError
    from stplay.runs.changes import check_changes
    from stplay.runs.run import Run

    torchrun = machines.torchrun_of(options)
    if torchrun and torchrun.node_rank:
        return machines.take_part(options.run, torchrun, interrupts, options.overrides)
    run = Run.find(options.run)
    run.overrides, run.torchrun = options.overrides, torchrun
    run.check_resumable(options.force)
    check_changes(run.recipe_path, options.overrides)
    try:
        return _launch(run, options, interrupts)
    except LaunchStoppedError:
        output.remark(f"stplay: Interrupted; {run.id} does not go on, and is as it was.")
        return INTERRUPTED


def _launch(run: Run, options: argparse.Namespace, interrupts: Interrupts) -> int:
    from stplay.jobs import logout

    told = False
    if warning := logout.warning():
        output.remark(f"stplay: {warning}")

    def stop_asked() -> bool:
        nonlocal told
        if interrupts.count and not told:
            told = True
            output.remark("stplay: Stopping; the training is only about to begin.")
        return told

    follower = run.launch(stop_asked)
    interrupts.let_hang_up()
    detached = options.detach and not interrupts.count
    if detached and options.json:
        output.json({"run": run.id, "folder": str(run.folder)})
        return FINISHED
    if detached:
        output.say(run.id)
        return FINISHED
    from stplay.cli.trainingview import view_for

    if not follower.show_until_end(view_for(run, options.json), interrupts):
        return INTERRUPTED
    run.await_exit()
    log = follower.log
    assert log.finished is not None
    if log.error:
        more = f" The whole story is in {run.worker_log_path}" if log.finished.details else ""
        output.remark(f"stplay: {log.error}{more}")
    return log.finished.exit_code


def stop(options: argparse.Namespace) -> int:
    """Ask a run to stop, and wait until it has."""
    from stplay.jobs.follower import Follower
    from stplay.runs.run import Run

    run = Run.find(options.run)
    if options.after_epoch:
        run.ask("stop after epoch", run.read_log())
    elif not run.request_stop():
        if run.read_log().active:
            raise UserError(f"The run {run.id} is only about to start; stop it in a moment.")
        raise UserError(f"The run {run.id} is not at work; nothing to stop.")
    later = "Stopping at the end of this epoch, with a checkpoint."
    output.say(f"{run.id}: {later if options.after_epoch else run.stopping_words(run.read_log())}")
    log = Follower(run).await_end()
    output.say(f"{run.id}: {log.state}" + (f": {log.error}" if log.error else ""))
    return FINISHED if log.status in ("stopped", "completed") else FAILED
