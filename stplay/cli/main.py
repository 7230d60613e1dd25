"""The front door: one function a command."""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from stplay import __version__
from stplay.cli import deletion, evaluationcommands, output
from stplay.encoding.sentences import sentences_of
from stplay.errors import UserError
from stplay.jobs.interrupts import INTERRUPTED

if TYPE_CHECKING:
    from stplay.jobs.interrupts import Interrupts
    from stplay.runs.run import Run

FINISHED, FAILED, WRONG_INPUT = 0, 1, 2


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
            output.remark("stplay: Interrupted; nothing was started.")
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
    top.set_defaults(command=open_app)
    commands = top.add_subparsers(metavar="COMMAND")

    def add(
        name: str, command: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=command)
        return added

    train_ = add("train", train, "Train a recipe and show it live; Ctrl+C saves and stops.")
    _take_recipe(train_)
    train_.add_argument("--name", help="the run's name; the next free number where left out")
    train_.add_argument("--detach", action="store_true", help="start it and come back at once")
    train_.add_argument("--json", action="store_true", help="print the events, one a line")

    plan_ = add("plan", plan, "Measure what a recipe takes here: what fits, and how fast it is.")
    _take_recipe(plan_)
    plan_.add_argument("--json", action="store_true", help="print one object")

    runs_ = add("runs", list_runs, "List the runs, newest first.")
    runs_.add_argument("--json", action="store_true", help="print one object a line")

    stop_ = add("stop", stop, "Stop a run after the step it is at, with a checkpoint.")
    stop_.add_argument("run", metavar="RUN")

    deletion.add_to(add)

    evaluationcommands.add_to(add)

    resume_ = add("resume", resume, "Go on with a run from its last checkpoint.")
    resume_.add_argument("run", metavar="RUN")
    resume_.add_argument("--detach", action="store_true", help="start it and come back at once")
    resume_.add_argument("--json", action="store_true", help="print the events, one a line")
    resume_.add_argument(
        "--force",
        action="store_true",
        help="also where another machine, which is not heard of, may still work on it",
    )

    explore_ = add("explore", explore, "Open the app with sentences to explore, one a line.")
    explore_.add_argument("file", nargs="?", help="a text file; without one, piped lines are read")
    explore_.add_argument("--model", help="a model's name; the best at hand unless told")

    sim_ = add("sim", sim, "Tell how similar sentences are; two of them are one number.")
    sim_.add_argument("sentences", nargs="*", metavar="SENTENCE")
    sim_.add_argument("--file", help="more sentences, one a line; without any, piped ones are read")
    sim_.add_argument(
        "--model", help="a model's name, such as run:<id>; the best at hand unless told"
    )
    sim_.add_argument(
        "--allow-pickle", action="store_true", help="trust a model that has only a pickle file"
    )
    sim_.add_argument(
        "--metric", choices=("cosine", "dot", "euclidean", "manhattan"), default="cosine"
    )
    sim_.add_argument("--format", choices=("table", "json", "csv", "npy"), default="table")
    sim_.add_argument(
        "--against",
        metavar="CORPUS",
        help="list the sentences of a corpus that are most similar: a text with one sentence a "
        "line, a .jsonl, .csv, .tsv or .parquet file, or data by name",
    )
    sim_.add_argument("--column", help="the corpus's column of sentences")
    sim_.add_argument("-k", type=int, default=5, help="how many neighbours; 5 unless told")

    encoders_ = add("encoders", encoders, "List the models that are kept warm for a while.")
    encoders_.add_argument("--stop", action="store_true", help="end them now")

    corpora_ = add("corpora", corpora, "List the encoded corpora that are kept on the disk.")
    which = corpora_.add_mutually_exclusive_group()
    which.add_argument(
        "--remove", action="append", default=[], metavar="CORPUS", help="remove this one"
    )
    which.add_argument("--clear", action="store_true", help="remove all of them")
    return top


def _take_recipe(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "recipe", nargs="?", default="sample", help="a preset (sample, all-nli) or a .toml file"
    )
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        dest="overrides",
        help="override a field of the recipe, such as training.num_train_epochs=2",
    )


def open_app(options: argparse.Namespace) -> int:
    """Open the app; where there is no terminal, say what to use instead."""
    if not (sys.stdin and sys.stdin.isatty() and output.on_terminal()):
        raise UserError("The app needs a terminal; without one, use: stplay train sample")
    from stplay.screens.app import StplayApp

    app = StplayApp(early_encoder=True)
    app.run()
    return app.return_code or FINISHED


def explore(options: argparse.Namespace) -> int:
    """Open the app on its Explore screen, with the sentences of a file or a pipe."""
    from stplay.sources import names

    if options.model is not None:
        names.model_source(options.model)
    sentences = sentences_of(options.file, [])
    if not (sys.stdin and sys.stdin.isatty()):
        _read_keys_from_the_terminal()
    if not output.on_terminal():
        raise UserError("The app needs a terminal; without one, use: stplay sim")
    from stplay.screens.app import StplayApp

    app = StplayApp("explore")
    app.call_later(app.explore, sentences, options.model)
    app.run()
    return app.return_code or FINISHED


def _read_keys_from_the_terminal() -> None:
    """Let the terminal take the place of a piped input that was read to its end."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        raise UserError("The app needs a terminal; without one, use: stplay sim") from None
    os.dup2(terminal, 0)
    os.close(terminal)


def train(options: argparse.Namespace) -> int:
    """Make a run of a recipe, start it, and follow it."""
    from stplay.jobs.interrupts import Interrupts

    interrupts = Interrupts()  # from now on nothing is left half-made
    from stplay.jobs.job import LaunchStoppedError
    from stplay.runs import recipe
    from stplay.runs.run import Run

    chosen = recipe.load(options.recipe, options.overrides)
    chosen.check_sources()
    run = Run.create(chosen, options.name, recipe.stem(options.recipe))
    try:
        return _launch(run, options, interrupts)
    except LaunchStoppedError:
        run.delete()
        output.remark("stplay: Interrupted before the training began; there is no run.")
        return INTERRUPTED


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
    from stplay.runs.run import Run

    run = Run.find(options.run)
    run.check_resumable(options.force)
    try:
        return _launch(run, options, interrupts)
    except LaunchStoppedError:
        output.remark(f"stplay: Interrupted; {run.id} does not go on, and is as it was.")
        return INTERRUPTED


def stop(options: argparse.Namespace) -> int:
    """Ask a run to stop, and wait until it has."""
    from stplay.jobs.follower import Follower
    from stplay.runs.run import Run

    run = Run.find(options.run)
    if not run.request_stop():
        if run.read_log().active:
            raise UserError(f"The run {run.id} is only about to start; stop it in a moment.")
        raise UserError(f"The run {run.id} is not at work; nothing to stop.")
    output.say(f"{run.id}: {run.stopping_words(run.read_log())}")
    log = Follower(run).await_end()
    output.say(f"{run.id}: {log.state}" + (f": {log.error}" if log.error else ""))
    return FINISHED if log.status in ("stopped", "completed") else FAILED


def list_runs(options: argparse.Namespace) -> int:
    """List the runs."""
    from stplay.runs.run import Run

    if options.json:
        for summary in Run.summaries():
            output.json(summary)
        return FINISHED

    from rich import box
    from rich.table import Table
    from rich.text import Text

    from stplay.text import count, decimals, moment

    found = Run.summaries()
    if not found:
        output.say("There are no runs yet; start one with: stplay train sample")
        return FINISHED
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("Run")
    table.add_column("Status")
    for name in ("Step", "of", "dev max", "test max"):
        table.add_column(name, justify="right")
    table.add_column("Started")
    for summary in found:
        table.add_row(
            Text(summary.run),
            Text(summary.state),
            count(summary.step),
            count(summary.total_steps),
            decimals(summary.dev_max_accuracy, 3),
            decimals(summary.test_max_accuracy, 3),
            moment(summary.started),
        )
    output.show(table)
    return FINISHED


def sim(options: argparse.Namespace) -> int:
    """Print how similar sentences are, or the neighbours of sentences in a corpus."""
    from stplay.cli import sim

    if options.k < 1:
        raise UserError("-k needs a number from 1 upwards.")
    if options.column is not None and options.against is None:
        raise UserError("--column is a corpus's; name the corpus with --against.")
    sentences = sentences_of(options.file, options.sentences)
    how = (options.model, options.metric, options.format, options.allow_pickle)
    if options.against is None:
        found = sim.compare(sentences, *how)
    else:
        found = sim.search(sentences, options.against, options.column, options.k, *how)
    return _print(found, options.format)


def encoders(options: argparse.Namespace) -> int:
    """List the encoding processes, or end them."""
    from stplay.cli import sim

    return _print(sim.warm_table(options.stop))


def corpora(options: argparse.Namespace) -> int:
    """List the corpora that are kept, or remove some."""
    from stplay.cli import sim
    from stplay.encoding import corpora

    named = dict.fromkeys(corpora.find(start) for start in options.remove)
    chosen = list(named) or corpora.kept()
    removed = bool(options.remove or options.clear)
    if removed:
        for corpus in chosen:
            corpora.remove(corpus)
        corpora.remove_abandoned()
    return _print(sim.corpora_table(chosen, removed))


def _print(found: str | bytes, form: output.Form = "table") -> int:
    output.Data(form).write(found)
    return FINISHED


def _launch(run: Run, options: argparse.Namespace, interrupts: Interrupts) -> int:
    told = False

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


LAUNCHING = (train, resume, evaluationcommands.evaluate)
