"""A model card, read as a finished training: its training log, and the metrics of the model."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.foreign.cells import NUMBER, epoch_of, name_of, number, step_of, told
from stplay.foreign.markdowntables import MarkdownTable, is_bold, plain, tables
from stplay.foreign.segments import MeasuredRow, moved_words, placed
from stplay.jobs.events import Event, Noted, ResultsListed, RunFinished
from stplay.text import count, decimals

# Cross encoders tell by how much the order of before is improved: 0.9571 (+0.4571).
_TWO_NUMBERS = re.compile(rf"({NUMBER})\s*\(({NUMBER})\)", re.IGNORECASE)
_NOTHING = ("", "-", "–", "—")
_DATA = re.compile(r"\* Datasets?:\s*((?:[^*\n#]*?`[^`\n]*`)+)")
_HEADING = re.compile(r"#{3,6} +([^\n|#*]{1,80}?) *(?=\n|\*|$)")
_VERSION = re.compile(r"Sentence Transformers: *(\d+)\.(\d+)")
IN_BRACKETS = " (in brackets)"
DOT_INVERTED = (3, 0)  # of sentence-transformers, up to this release


def card_events(text: str, shown: str, written: float | None = None) -> list[Event]:
    """What the card ``text``, called ``shown``, tells; it was ``written`` at that time.

    Raises:
        UserError: it has neither a training log nor a table of metrics.
    """
    now = time.time() if written is None else written
    events: list[Event] = []
    results: list[ResultsListed] = []
    for table in tables(text):
        names = [name.casefold() for name in table.head]
        if "step" in names and "epoch" in names:
            events += _training_log(table, now)
        elif names[0] == "metric":
            results += _results(table, now)
    if not events and not results:
        raise UserError(
            f"{shown} is read as a model card, and has neither a training log, which is a table "
            "with the columns Epoch and Step, nor a table of metrics."
        )
    events += results
    events += _inverted(text, results, now)
    return [*events, RunFinished(time=now, outcome="completed", exit_code=FINISHED)]


def _training_log(table: MarkdownTable, now: float) -> Iterator[Event]:
    names = _unlike(table.head)
    lowered = [name.casefold() for name in names]
    step_at, epoch_at = lowered.index("step"), lowered.index("epoch")
    rows: list[MeasuredRow] = []
    bold: set[int] = set()
    left_out = odd = 0
    for cells in table.rows:
        step = step_of(plain(cells[step_at]))
        if step is None:
            left_out += 1
            continue
        values: dict[str, float | None] = {}
        for at, (name, cell) in enumerate(zip(names, cells, strict=True)):
            if at not in (step_at, epoch_at):
                found = _figures(name, plain(cell))
                odd += found is None
                values |= found or {}
        rows.append(MeasuredRow(step, epoch_of(plain(cells[epoch_at])), values))
        if is_bold(cells[step_at]):
            bold.add(step)
    events, moved = placed(rows, now)
    yield from events
    if moved:
        yield Noted(time=now, level="info", text=moved_words(moved))
    if left_out:
        word = "row tells" if left_out == 1 else "rows tell"
        words = (
            f"{count(left_out)} {word} no step, and {'is' if left_out == 1 else 'are'} left out."
        )
        yield Noted(time=now, level="warning", text=words)
    if odd:
        word = "cell is" if odd == 1 else "cells are"
        words = f"{count(odd)} {word} no number, and left out."
        yield Noted(time=now, level="warning", text=words)
    if len(bold) == 1:
        words = f"The saved checkpoint is that of step {count(min(bold))}, the card's bold row."
        yield Noted(time=now, level="info", text=words)


def _figures(name: str, cell: str) -> dict[str, float | None] | None:
    """What a cell of the column ``name`` tells: up to two figures; None where it cannot be read."""
    if cell in _NOTHING:
        return {}
    if (value := number(cell)) is not None:
        return {name: told(value)}
    if two := _TWO_NUMBERS.fullmatch(cell):
        first, second = number(two[1]), number(two[2])
        if first is not None and second is not None:
            return {name: told(first), f"{name}{IN_BRACKETS}": told(second)}
    return None


def _results(table: MarkdownTable, now: float) -> Iterator[ResultsListed]:
    """What a metrics table tells of each of its data sets."""
    headings = _HEADING.findall(table.text)
    task = name_of(headings[-1]) if headings else ""
    listed = _DATA.findall(table.text)
    data = [name_of(name) for name in re.findall(r"`([^`]*)`", listed[-1])] if listed else []
    names = _unlike([plain(row[0]) for row in table.rows])
    for at, column in enumerate(_unlike(table.head)[1:], 1):
        values: dict[str, float | None] = {}
        for name, row in zip(names, table.rows, strict=True):
            values |= _figures(name, plain(row[at])) or {}
        one = data[0] if len(data) == 1 else ""
        if values:
            where = one if column.casefold() == "value" else column
            yield ResultsListed(time=now, evaluator=task, data=where, values=values)


def _unlike(names: list[str]) -> list[str]:
    """``names`` as they are, but a second one of a name with its number."""
    seen: dict[str, int] = {}
    unlike = []
    for each in map(name_of, names):
        seen[each] = seen.get(each, 0) + 1
        unlike.append(each if seen[each] == 1 else f"{each} ({seen[each]})")
    return unlike


def _inverted(text: str, results: list[ResultsListed], now: float) -> Iterator[Noted]:
    """That the dot accuracy of triplets is counted the wrong way round, where it is."""
    version = _VERSION.search(text)
    if version is None or (int(version[1]), int(version[2])) != DOT_INVERTED:
        return
    if "TripletEvaluator" not in text or "dot_accuracy" not in text:
        return
    triplets = [each.values.get("dot_accuracy") for each in results if each.evaluator == "Triplet"]
    figures = [figure for figure in triplets if figure is not None]
    said = [f"{decimals(each, 3)} would be about {decimals(1 - each, 3)}" for each in figures]
    also = f": {', '.join(said)}" if said else ""
    words = (
        "sentence-transformers 3.0 counted a triplet as right by the dot product where it was "
        f"wrong, so dot_accuracy here is inverted{also}. The figures are shown as the card has "
        "them."
    )
    yield Noted(time=now, level="warning", text=words)
