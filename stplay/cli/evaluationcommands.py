"""The commands ``eval``, ``evaluations`` and ``wrong``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stplay.cli import output
from stplay.cli.grammar import AddCommand, number
from stplay.errors import UserError
from stplay.exitcodes import FINISHED, INTERRUPTED, WRONG_INPUT
from stplay.similarities import SIMILARITIES
from stplay.sources.datasources import COLUMNS
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.evaluations.evaluation import Evaluation


def add_to(add: AddCommand) -> None:
    """Add the commands to the command line."""
    evaluate_ = add("eval", evaluate, "Evaluate models on the triplets of dev and test.")
    evaluate_.add_argument("models", nargs="+", metavar="MODEL")
    evaluate_.add_argument("--data", default="all-nli", metavar="REF", help="default: all-nli")
    evaluate_.add_argument(
        "--split",
        action="append",
        default=[],
        dest="splits",
        metavar="NAME",
        help="default: dev and test",
    )
    for column in COLUMNS:
        several = ", again for each of several" if column == "negative" else ""
        evaluate_.add_argument(
            f"--{column}",
            action="append" if several else "store",
            metavar="COLUMN",
            help=f"what the data calls its column {column}{several}",
        )
    evaluate_.add_argument(
        "--limit", type=number, metavar="N", help="the first N rows of each split"
    )
    evaluate_.add_argument(
        "--truncate-dim", type=number, metavar="N", help="the first N numbers of each embedding"
    )
    evaluate_.add_argument(
        "--checkpoints", action="store_true", help="every kept checkpoint of the runs named"
    )
    evaluate_.add_argument(
        "--allow-pickle", action="store_true", help="trust models that have only a pickle file"
    )
    evaluate_.add_argument(
        "--write-card", action="store_true", help="write the figures into the models' own cards"
    )
    evaluate_.add_argument("--json", action="store_true", help="print one object a line")

    list_ = add("evaluations", show, "List the finished evaluations, or show one again.")
    list_.add_argument("evaluation", nargs="?", metavar="EVALUATION")
    list_.add_argument("--json", action="store_true", help="print one object a line")

    wrong_ = add("wrong", wrong, "Print the triplets a model gets wrong, worst margin first.")
    wrong_.add_argument("evaluation", metavar="EVALUATION")
    wrong_.add_argument("--model", help="default: the first")
    wrong_.add_argument("--split", help="default: the first")
    wrong_.add_argument("--better", metavar="MODEL", help="only those this model gets right")
    wrong_.add_argument("--search", default="", metavar="TEXT", help="only those with this text")
    wrong_.add_argument("--similarity", choices=SIMILARITIES, default=SIMILARITIES[0])
    wrong_.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")


def evaluate(options: argparse.Namespace) -> int:
    """Evaluate, show the progress, and print what was found."""
    from stplay.jobs.interrupts import Interrupts

    interrupts = Interrupts()  # from now on nothing is left half-made
    from stplay.cli.evaluationreport import EvaluationProgress
    from stplay.evaluations.evaluation import CANCELLED, Evaluation, Request, with_checkpoints
    from stplay.jobs.job import LaunchStoppedError
    from stplay.sources.datasources import data_source

    data_source(options.data)
    models = options.models
    if options.checkpoints:
        models = with_checkpoints(models)
    evaluation = Evaluation.create(
        Request(
            models=models,
            data=options.data,
            splits=options.splits,
            limit=options.limit,
            truncate_dim=options.truncate_dim,
            allow_pickle=options.allow_pickle,
            write_card=options.write_card,
            columns={name: own for name in COLUMNS if (own := getattr(options, name))},
        )
    )
    try:
        follower = evaluation.launch(lambda: interrupts.count > 0)
    except LaunchStoppedError:
        evaluation.discard()
        output.remark(f"stplay: {CANCELLED}")
        return INTERRUPTED
    interrupts.let_hang_up()
    if not follower.show_until_end(EvaluationProgress(), interrupts):
        return INTERRUPTED
    log = follower.log
    for noted in log.notes:
        output.remark(f"stplay: {noted.text}")
    assert log.finished is not None
    if log.status != "completed":
        if log.status == "stopped":
            output.remark(f"stplay: {CANCELLED}")
            evaluation.discard()
        elif log.error and not any(noted.text == log.error for noted in log.notes):
            more = ""
            if log.finished.details:
                more = f" The whole story is in {evaluation.worker_log_path}"
            output.remark(f"stplay: {log.error}{more}")
        return log.finished.exit_code
    _print(evaluation, options.json)
    return WRONG_INPUT if any(m.error for m in evaluation.summary().models) else FINISHED


def _print(evaluation: Evaluation, as_json: bool) -> None:
    summary = evaluation.summary()
    if as_json:
        for line in summary.lines():
            output.json(line)
        return
    from stplay.cli.evaluationreport import report

    output.show(report(evaluation, summary))


def show(options: argparse.Namespace) -> int:
    """List the finished evaluations, or show the one named again."""
    from stplay.evaluations.evaluation import Evaluation

    if options.evaluation is not None:
        _print(Evaluation.find(options.evaluation), options.json)
        return FINISHED
    found, exit_code = [], FINISHED
    for evaluation in Evaluation.every():
        try:
            found.append((evaluation.id, evaluation.summary()))
        except UserError as error:  # a damaged one does not hide the others
            output.remark(f"stplay: {error.sentence}")
            exit_code = WRONG_INPUT
    if options.json:
        for name, summary in found:
            for line in summary.lines():
                output.json({"evaluation": name, **line})
        return exit_code
    if not found:
        if not exit_code:
            output.say("There are no evaluations yet; make one with: stplay eval builtin:tiny")
        return exit_code
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from stplay.cli.evaluationreport import MOST_NAME
    from stplay.text import count, decimals, moment, shortened

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("Evaluation", "Model", "Data"):
        table.add_column(name, overflow="fold")
    for name in ("Triplets", "cosine", "max"):
        table.add_column(name, justify="right")
    table.add_column("When")
    results = [result for _, summary in found for result in summary.results]
    names = list(dict.fromkeys(result.model for result in results))
    shown = dict(zip(names, shortened(names, MOST_NAME), strict=True))
    for name, summary in found:
        for result in summary.results:
            split = next(each for each in summary.splits if each.split == result.split)
            table.add_row(
                Text(name),
                Text(shown[result.model]),
                Text(printable(split.label)),
                count(split.rows),
                decimals(result.accuracies["cosine_accuracy"].value, 3),
                decimals(result.accuracies["max_accuracy"].value, 3),
                moment(summary.created),
            )
    output.show(table)
    return exit_code


def wrong(options: argparse.Namespace) -> int:
    """Print the triplets a model gets wrong."""
    from stplay.evaluations.evaluation import Evaluation
    from stplay.evaluations.wrongtriplets import WrongTriplets

    evaluation = Evaluation.find(options.evaluation)
    summary = evaluation.summary()
    model = options.model or summary.rated()[0].name
    split = options.split or summary.splits[0].split
    better = evaluation.scores(options.better, split) if options.better else None
    found = WrongTriplets(
        evaluation.triplets(split),
        evaluation.scores(model, split),
        options.similarity,
        better,
        options.search,
    )
    found.write(output.Data(options.format), options.format)
    return FINISHED
