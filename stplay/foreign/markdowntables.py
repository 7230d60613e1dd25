"""The tables of a Markdown text, also of one that was squeezed onto one line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from stplay.foreign.cells import name_of

# The line below a table's head. A dash alone is what cells have that are empty.
_RULE = re.compile(r"\|(?:[ \t]*(?::-+:?|-+:|-{2,})[ \t]*\|)+")
_BAR = re.compile(r"(?<!\\)\|")
_MARKS = re.compile(r"^(\*\*|__|`)(.*)\1$", re.DOTALL)
_GAP = re.compile(r"[ \t]*\n?[ \t]*\Z")  # between two rows: an empty line would end the table
MOST_COLUMNS = 2000


class MarkdownTable(NamedTuple):
    """A table: its ``head``, its ``rows`` of as many cells, and the ``text`` that leads to it."""

    head: list[str]
    rows: list[list[str]]
    text: str


def tables(text: str) -> Iterator[MarkdownTable]:
    """The tables of ``text`` in their order; of each cell what stands in it, with its marks."""
    text, begin = text.replace("\r\n", "\n").replace("\r", "\n"), 0
    while (rule := _RULE.search(text, begin)) is not None:
        columns = len(_BAR.findall(rule[0])) - 1
        head = _head(text[begin : rule.start()], columns) if columns <= MOST_COLUMNS else None
        if head is None:
            begin = rule.end()
            continue
        rows, end = _rows(text, rule.end(), columns)
        yield MarkdownTable(
            [name_of(plain(cell)) for cell in head], rows, text[begin : rule.start()]
        )
        begin = end


def plain(cell: str) -> str:
    """What stands in a cell, without the marks that make it bold."""
    text = cell.strip()
    while (marked := _MARKS.match(text)) is not None:
        text = marked[2].strip()
    return text.replace("\\|", "|").replace("\\_", "_")


def is_bold(cell: str) -> bool:
    """Whether a cell is bold."""
    return cell.strip().startswith("**")


def _head(before: str, columns: int) -> list[str] | None:
    cells = _BAR.split(before)[-columns - 2 :]
    if len(cells) < columns + 2 or not _GAP.match(cells[-1]):
        return None
    head = cells[1:-1]
    return head if not any("\n" in cell for cell in head) else None


def _rows(text: str, begin: int, columns: int) -> tuple[list[list[str]], int]:
    rows: list[list[str]] = []
    end = begin
    while True:
        cells: list[str] = []
        at = end
        for _ in range(columns + 1):
            bar = _BAR.search(text, at)
            if bar is None:
                return rows, end
            cells.append(text[at : bar.start()])
            at = bar.end()
            if not _GAP.match(cells[0]) or any("\n" in cell for cell in cells[1:]):
                return rows, end
        rows.append(cells[1:])
        end = at
