"""The commands ``runs``, ``note`` and ``rename``: what there is, and what people call it."""

from __future__ import annotations

import argparse
import shutil

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.errors import UserError
from stplay.exitcodes import FINISHED


def add_to(add: AddCommand) -> None:
    """Add the commands to the command line."""
    runs_ = add("runs", list_runs, "List the runs, newest first, or what one of them measured.")
    runs_.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="show what it is, and its series: losses, accuracies, the machine's",
    )
    form = runs_.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print one object a line")
    form.add_argument("--csv", action="store_true", help="print every value of RUN's series")
    runs_.add_argument(
        "--probes", action="store_true", help="show how alike RUN finds its probe sentences"
    )
    runs_.add_argument(
        "--step", type=int, help="with --probes: after this step, instead of the newest"
    )
    runs_.add_argument("--sort", metavar="COLUMN", help="such as dev, age, took or disk")
    runs_.add_argument(
        "--filter",
        default="",
        metavar="WORDS",
        help="such as: snli status:running 'dev>0.8' 'recipe.learning_rate>=1e-4' '#baseline'",
    )

    note_ = add("note", note, "Write a line about a run; words that begin with # are its tags.")
    note_.add_argument("run", metavar="RUN")
    note_.add_argument("words", nargs="*", metavar="WORD", help="the note; '' removes it")

    rename_ = add("rename", rename, "Call a run something else.")
    rename_.add_argument("run", metavar="RUN")
    rename_.add_argument("name", metavar="NAME")


def list_runs(options: argparse.Namespace) -> int:
    """List the runs, or the series of one."""
    if options.step is not None and not options.probes:
        raise UserError("--step goes with --probes, as in: stplay runs RUN --probes --step 100")
    if options.run is not None:
        return _show_one(options)
    if options.probes:
        raise UserError("--probes shows those of one run; name it, as in: stplay runs RUN --probes")
    if options.csv:
        raise UserError("--csv prints the series of one run; name it, as in: stplay runs RUN --csv")
    from stplay.runs import runcolumns, runfilter
    from stplay.runs.runsummary import summaries
    from stplay.text import count

    by = runcolumns.column(options.sort) if options.sort else None
    is_chosen = runfilter.run_filter(options.filter)
    there = summaries()
    runs = [*filter(is_chosen, there)]
    if by is not None:
        runs = runcolumns.in_order(runs, by)
    if options.json:
        for summary in runs:
            output.json(summary)
    elif not there:
        output.say("There are no runs yet; start one with: stplay train sample")
    elif not runs:
        output.say(f"None of the {count(len(there))} runs is so: {options.filter}")
    else:
        room = shutil.get_terminal_size().columns if output.on_terminal() else None
        table = runcolumns.table(runs, room)
        output.say("\n".join(table.lines()))
        if table.missing:
            output.remark(f"No room here for: {', '.join(table.missing)}")
    return FINISHED


def _show_one(options: argparse.Namespace) -> int:
    from stplay.cli import probesreport, seriesreport
    from stplay.runs.run import Run

    if options.sort or options.filter:
        raise UserError("--sort and --filter are for the list of all runs; leave RUN out.")
    form = "json" if options.json else "csv" if options.csv else "table"
    if options.probes:
        probesreport.show(Run.find(options.run), options.step, form)
    else:
        seriesreport.show(Run.find(options.run), form)
    return FINISHED


def note(options: argparse.Namespace) -> int:
    """Write a line about a run, or print it."""
    from stplay.runs import runnote
    from stplay.runs.run import Run

    run = Run.find(options.run)
    if options.words:
        runnote.write(run.folder, " ".join(options.words))
    output.say(f"{run.id}: {runnote.read(run.folder) or 'no note'}")
    return FINISHED


def rename(options: argparse.Namespace) -> int:
    """Call a run something else."""
    from stplay.evaluations.naming import naming_words
    from stplay.runs.run import Run

    run = Run.find(options.run)
    renamed = run.rename(options.name)
    output.say(f"{run.id} is called {renamed.id} now.")
    if words := naming_words(run.id):
        output.remark(words)
    return FINISHED
