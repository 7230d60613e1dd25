"""What a run is, printed: the facts that the app's pane tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stplay.cli import output

if TYPE_CHECKING:
    from stplay.runs.run import Run


def show(run: Run) -> None:
    """Print the facts of ``run``; ``*`` marks what is not as it is where nobody chooses."""
    from rich.table import Table
    from rich.text import Text

    from stplay.runs.overview import overview

    table = Table.grid(padding=(0, 1))
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for part in overview(run.id, run.folder, run.read_log()):
        table.add_row("", Text(part.title, "bold"))
        for fact in part.facts:
            sign = "" if fact.instead_of is None else "*"
            table.add_row(sign, Text(fact.name), Text(str(fact)))
        table.add_row()
    output.show(table)
