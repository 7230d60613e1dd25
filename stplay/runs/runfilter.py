"""The little language by which runs are chosen: words, and what a field has to be.

``snli status:running dev>0.8 recipe.learning_rate>=1e-4 note:"first try"``: all of it has to hold.
A word is looked for in the name, base, data, recipe and note; ``:`` asks whether a text has it.
"""

from __future__ import annotations

import math
import operator
import re
import shlex
from collections.abc import Callable, Sequence
from functools import partial

from stplay.errors import UserError
from stplay.runs.presetwords import fields_of
from stplay.runs.recipe import SECTIONS
from stplay.runs.runcolumns import COLUMNS
from stplay.runs.runsummary import RunSummary
from stplay.sources.names import Reserved, parse
from stplay.text import clipped, printable

RunTest = Callable[[RunSummary], bool]

SEARCHED = ("run", "base", "data", "recipe", "note")
RECIPE = "recipe."
UNITS = {
    "age": {"s": 1, "min": 60, "h": 3600, "d": 86_400},
    "took": {"s": 1, "min": 60, "h": 3600, "d": 86_400},
    "disk": {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40},
}
_CONDITION = re.compile(r"([\w.]+?)(>=|<=|!=|>|<|=|:)(.*)", re.DOTALL)
_NUMBER = re.compile(r"([-+]?[0-9.]+(?:e[-+]?[0-9]+)?)([A-Za-z]*)", re.IGNORECASE)
_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
}


def run_filter(text: str) -> RunTest:
    """What tells whether a run is one of those that ``text`` asks for.

    Raises:
        UserError: it asks for what runs do not have; names what they have.
    """
    try:
        parts = shlex.split(text)
    except ValueError:
        raise UserError(f"A quotation mark is missing in {clipped(printable(text), 80)}") from None
    tests = [_test(part) for part in parts]
    return lambda run: all(test(run) for test in tests)


def chosen(runs: Sequence[RunSummary], text: str) -> list[RunSummary]:
    """Those of ``runs`` that ``text`` asks for.

    Raises:
        UserError: as ``run_filter``.
    """
    return [*filter(run_filter(text), runs)]


def _test(part: str) -> RunTest:
    condition = _CONDITION.fullmatch(part)
    if condition is None or isinstance(parse(part), Reserved):  # such as builtin:tiny
        return partial(_has_word, part.casefold())
    field, sign, wanted = condition.groups()
    if field.startswith(RECIPE):
        name = field.removeprefix(RECIPE)
        _check_recipe_field(name)
        return lambda run: any(_holds(value, sign, wanted) for value in _of_recipe(run, name))
    column = COLUMNS.get(field)
    if column is None:
        raise UserError(
            f"Runs have no {clipped(printable(field), 40)!r}; they have {', '.join(COLUMNS)}, and "
            "recipe.NAME, such as recipe.learning_rate."
        )
    if column.is_number:
        number = _number(wanted, field)
        compare = _COMPARISONS[sign]
        return lambda run: _compared(column.value(run), compare, number)
    if sign not in (":", "=", "!="):
        raise UserError(f"{field} is a text, for which there are {field}: and {field}!=")
    return lambda run: _holds(column.value(run), sign, wanted)


def _check_recipe_field(name: str) -> None:
    """Make sure that recipes have a field called so, with its section or without.

    Raises:
        UserError: they have not; names those that they have.
    """
    known = [
        (section, field) for section, kind in SECTIONS.items() for field in kind.__struct_fields__
    ]
    if not any(name in (field, f"{section}.{field}") for section, field in known):
        fields = ", ".join(field for _, field in known)
        raise UserError(f"Recipes have no {clipped(printable(name), 40)!r}; they have {fields}.")


def _has_word(word: str, run: RunSummary) -> bool:
    return any(word in str(COLUMNS[name].value(run) or "").casefold() for name in SEARCHED)


def _compared(value: object, compare: Callable[[float, float], bool], number: float) -> bool:
    return isinstance(value, int | float) and compare(value, number)


def _of_recipe(run: RunSummary, name: str) -> list[object]:
    """What the recipe of ``run`` has under ``name``, which may leave its section out."""
    fields = fields_of(run.recipe)
    return [value for field, value in fields.items() if name in (field, field.partition(".")[2])]


def _holds(value: object, sign: str, wanted: str) -> bool:
    """Whether ``value``, of whatever type, is as it is wanted."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        number, unit = _measure(wanted)
        return number is not None and not unit and _COMPARISONS[sign](value, number)
    text = str(value).lower() if isinstance(value, bool) else str(value or "")
    holds = wanted.casefold() in text.casefold()
    return not holds if sign == "!=" else holds and sign in (":", "=")


def _number(text: str, field: str) -> float:
    """The number that ``text`` says, which may have a unit of ``field``.

    Raises:
        UserError: it is none.
    """
    units = UNITS.get(field, {})
    number, unit = _measure(text)
    if number is None or (unit and unit not in units):
        kinds = f", or with a unit, {', '.join(units)}" if units else ""
        shown = clipped(printable(text), 40)
        raise UserError(f"{field} is compared with a number{kinds}, not with {shown!r}.")
    return number * units.get(unit, 1)


def _measure(text: str) -> tuple[float | None, str]:
    """The number that ``text`` begins with, or none, and the unit after it."""
    found = _NUMBER.fullmatch(text)
    try:
        number = float(found[1]) if found else math.nan
    except ValueError:  # such as 1.2.3
        number = math.nan
    return (number if math.isfinite(number) else None), found[2] if found else ""
