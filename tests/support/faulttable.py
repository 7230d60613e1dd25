"""The table of the faults that the tests have injected, and what became of what was told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

PROPERTY = "fault"
HEADS = ("fault", "injected", "survived", "events lost", "events doubled")


class Fault(NamedTuple):
    """What was done ``injected`` times, and how often it did no harm.

    ``lost`` are the events that were told and not read, ``doubled`` those that were read twice.
    """

    name: str
    injected: int
    survived: int
    lost: int
    doubled: int


TellFault = Callable[[Fault], None]


def told(reports: Iterable[Any]) -> list[Fault]:
    """The faults of tests, by their ``reports``, which came from any process."""
    return [
        Fault(*value)
        for report in reports
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY and report.when == "call"
    ]


def table(faults: Sequence[Fault]) -> list[str]:
    """The lines of the table, as Markdown."""
    rows = [HEADS, ("---",) * len(HEADS), *(tuple(map(str, fault)) for fault in faults)]
    return [f"| {' | '.join(row)} |" for row in rows]


def compared(found: Sequence[Any], expected: Sequence[Any]) -> tuple[int, int]:
    """How many of ``expected`` are not in ``found``, and how many of ``found`` are one too many."""
    left, doubled = [*expected], 0
    for each in found:
        if each in left:
            left.remove(each)
        else:
            doubled += 1
    return len(left), doubled
