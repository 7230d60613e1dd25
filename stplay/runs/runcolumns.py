"""The columns of a list of runs: what each tells, how it is sorted, and which ones have room."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from stplay.errors import UserError
from stplay.runs.runsummary import RunSummary
from stplay.text import count, decimals, duration, printable, shortened, size

GAP = 2
MOST_WIDTH = 28  # of a text


class RunColumn(NamedTuple):
    """A column: its name, by which runs are sorted and filtered, and its title.

    ``value`` is what is sorted and compared, ``words`` what is shown; of numbers the greatest is
    first, unless the column is ``rising``.
    """

    name: str
    title: str
    value: Callable[[RunSummary], str | float | None]
    words: Callable[[RunSummary], str]
    is_number: bool = False
    rising: bool = False


def age(summary: RunSummary) -> float | None:
    """The seconds since the run was started."""
    return max(0.0, time.time() - summary.started) if summary.started else None


def _text(name: str, title: str, value: Callable[[RunSummary], str | None]) -> RunColumn:
    return RunColumn(name, title, value, lambda summary: value(summary) or "-")


def _number(
    name: str,
    title: str,
    value: Callable[[RunSummary], float | None],
    words: Callable[[float], str],
    *,
    rising: bool = False,
) -> RunColumn:
    def told(summary: RunSummary) -> str:
        found = value(summary)
        return "-" if found is None else words(found)

    return RunColumn(name, title, value, told, is_number=True, rising=rising)


def _step_words(summary: RunSummary) -> str:
    of = f" of {count(summary.total_steps)}" if summary.total_steps is not None else ""
    return f"{count(summary.step)}{of}"


def _coarsely(seconds: float) -> str:
    """A duration in its greatest unit."""
    return " ".join(duration(seconds).split()[:2])


def _three(value: float) -> str:
    return decimals(value, 3)


COLUMNS = {
    column.name: column
    for column in (
        _text("run", "Run", lambda summary: summary.run),
        RunColumn(
            "status",
            "Status",
            lambda summary: f"{summary.state} {summary.status}",
            lambda summary: summary.state,
        ),
        RunColumn("step", "Step", lambda summary: summary.step, _step_words, is_number=True),
        _number("dev", "dev max", lambda summary: summary.best_dev_accuracy, _three),
        _number("at", "at step", lambda summary: summary.best_dev_step, count, rising=True),
        _number("test", "test max", lambda summary: summary.test_max_accuracy, _three),
        _text("recipe", "Recipe", lambda summary: summary.preset),
        _text("base", "Base", lambda summary: summary.base),
        _text("data", "Data", lambda summary: summary.data),
        _number("age", "Age", age, _coarsely, rising=True),
        _number("took", "Took", lambda summary: summary.seconds, duration, rising=True),
        _number("disk", "Disk", lambda summary: summary.disk_bytes, size),
        _text("note", "Note", lambda summary: summary.note or None),
    )
}
# As long as there is room, the first of these are shown.
IMPORTANCE = (
    *("run", "status", "dev", "age", "at", "step", "note", "recipe"),
    *("data", "base", "took", "disk", "test"),
)


def column(name: str) -> RunColumn:
    """The column called ``name``.

    Raises:
        UserError: there is none; names those that are.
    """
    if name not in COLUMNS:
        raise UserError(f"There is no column {printable(name)!r}; there are {', '.join(COLUMNS)}.")
    return COLUMNS[name]


def in_order(
    runs: Sequence[RunSummary], by: RunColumn, *, backwards: bool = False
) -> list[RunSummary]:
    """``runs`` sorted ``by`` a column, those that have nothing there last in any case."""
    there = [run for run in runs if by.value(run) is not None]
    falling = by.is_number and not by.rising
    there.sort(key=lambda run: _key(by.value(run)), reverse=falling != backwards)
    return there + [run for run in runs if by.value(run) is None]


def _key(value: str | float | None) -> tuple[float, str]:
    return (0.0, value.casefold()) if isinstance(value, str) else (value or 0.0, "")


class RunTable(NamedTuple):
    """The ``columns`` of a list that have room, how wide each is, and its cells, a list a run."""

    columns: list[RunColumn]
    widths: list[int]
    cells: list[list[str]]

    @property
    def missing(self) -> list[str]:
        """The titles of the columns that have no room."""
        return [each.title for each in COLUMNS.values() if each not in self.columns]

    def lines(self) -> list[str]:
        """The titles and the cells of each run, aligned."""
        rows = [[column.title for column in self.columns], *self.cells]
        return [self._line(row) for row in rows]

    def _line(self, row: Sequence[str]) -> str:
        aligned = map(aligned_cell, row, self.columns, self.widths)
        return (" " * GAP).join(aligned).rstrip()


def aligned_cell(cell: str, column: RunColumn, width: int) -> str:
    """``cell`` in so many cells, numbers to the right."""
    blanks = " " * (width - cell_len(cell))
    return blanks + cell if column.is_number else cell + blanks


def table(runs: Sequence[RunSummary], room: int | None = None) -> RunTable:
    """``runs`` in as many columns as have ``room``, in cells, or in all of them without it."""
    cells, widths = {}, {}
    for name, column in COLUMNS.items():
        words = [column.words(run) for run in runs]
        cells[name] = words if column.is_number else shortened(words, MOST_WIDTH)
        widths[name] = max(map(cell_len, (column.title, *cells[name])))
    left, chosen = room, set()
    for name in IMPORTANCE:
        if left is not None:
            left -= widths[name] + GAP
            if left < -GAP and chosen:
                break
        chosen.add(name)
    names = [name for name in COLUMNS if name in chosen]
    rows = [list(row) for row in zip(*(cells[name] for name in names), strict=True)]
    return RunTable([COLUMNS[name] for name in names], [widths[name] for name in names], rows)
