"""The command ``doctor``: what is amiss with machine, disk, Hub, terminal, ssh and stplay."""

from __future__ import annotations

import argparse
import os
from itertools import groupby
from typing import TYPE_CHECKING

from stplay import terminal
from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.exitcodes import FAILED, FINISHED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from stplay.doctor.finding import Finding, FindingKind
    from stplay.doctor.terminalcheck import TerminalFacts

STYLES: dict[FindingKind, str] = {"ok": "green", "note": "yellow", "problem": "bold red"}
STATE_CELLS, NAME_CELLS = 9, 12


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    doctor_ = add(
        "doctor",
        doctor,
        "Look at machine, disk, Hub, terminal, ssh and stplay; say what is amiss and what to do.",
    )
    doctor_.add_argument("--json", action="store_true", help="print one object")


def doctor(options: argparse.Namespace) -> int:
    """Print what is found, section by section as it is known; 1 where a problem is among it."""
    from stplay.doctor import checkup

    looked_at: list[Finding] = []
    with output.StatusLine() as status:
        for section, each in groupby(checkup.findings(_facts()), lambda found: found.section):
            group = [*each]
            if not options.json:
                status.show("")
                if looked_at:
                    output.say("")
                output.show(_table(section, group))
            looked_at += group
            status.show("looking on…")
    kinds = [found.kind for found in looked_at]
    usable = "problem" not in kinds
    if options.json:
        output.json({"usable": usable, "findings": looked_at})
    else:
        output.say("\n" + _verdict(kinds.count("problem")))
    return FINISHED if usable else FAILED


def _verdict(problems: int) -> str:
    if not problems:
        return "No problem was found."
    return f"{problems} problem{'s were' if problems > 1 else ' was'} found, with what to do."


def _facts() -> TerminalFacts | None:
    """What is known of the terminal that the output goes to; nothing where it goes to none."""
    from stplay.doctor.terminalcheck import WIDTHS, TerminalFacts
    from stplay.doctor.terminalquery import ask_terminal

    if not output.on_terminal():
        return None
    console = output.console()
    speaks = not terminal.is_dumb(os.environ) and console.encoding.startswith("utf")
    return TerminalFacts(
        columns=console.width,
        lines=console.height,
        colours=console.color_system,
        encoding=console.encoding,
        calm=terminal.is_over_ssh(os.environ),
        was_asked=speaks,
        answers=ask_terminal([*WIDTHS]) if speaks else None,
    )


def _table(section: str, findings: Iterable[Finding]) -> Table:
    """A section: a line a finding, and below it what to do."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, title=Text(section), title_justify="left", title_style="bold")
    table.show_header, table.padding = False, (0, 1, 0, 0)
    table.add_column(width=STATE_CELLS)
    table.add_column(width=NAME_CELLS)
    table.add_column(overflow="fold")
    for found in findings:
        text = Text(found.text)
        if found.advice:
            text.append(f"\n→ {found.advice}", "dim" if found.kind != "problem" else "")
        table.add_row(Text(found.state, STYLES[found.kind]), Text(found.name), text)
    return table
