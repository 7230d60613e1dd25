"""The command ``compare``: runs side by side."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.exitcodes import FINISHED

if TYPE_CHECKING:
    from rich.table import Table

    from stplay.runs.comparison import ComparedRun, Contrast


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    compare_ = add("compare", compare, "Set runs side by side: their best figures, what differs.")
    compare_.add_argument("runs", nargs="+", metavar="RUN")
    compare_.add_argument("--json", action="store_true", help="print one object")


def compare(options: argparse.Namespace) -> int:
    """Print runs side by side."""
    from stplay.runs import comparison

    runs = comparison.read(options.runs)
    if options.json:
        output.json(_plain(runs))
        return FINISHED
    output.show(_table(runs, f"reached, {comparison.BEST} the best", comparison.figures(runs)))
    if differing := comparison.differences(runs):
        output.show(_table(runs, "differs", differing))
    else:
        output.say("They were begun alike: the same recipe, data, base, versions and device.")
    return FINISHED


def _plain(runs: list[ComparedRun]) -> dict[str, object]:
    """The comparison as plain values."""
    from stplay.runs import comparison

    told = [comparison.settings(run) for run in runs]
    differing = [contrast.title for contrast in comparison.differences(runs)]
    return {
        "runs": [run.name for run in runs],
        "figures": {
            figure.title: [figure.of(run) for run in runs] for figure in comparison.FIGURES
        },
        "differences": {title: [each.get(title) for each in told] for title in differing},
    }


def _table(runs: list[ComparedRun], title: str, contrasts: list[Contrast]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(title, overflow="fold")
    for run in runs:
        table.add_column(Text(run.name), overflow="fold")
    for contrast in contrasts:
        table.add_row(Text(contrast.title), *map(Text, contrast.marked()))
    return table
