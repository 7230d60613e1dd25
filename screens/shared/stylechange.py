"""From one style of the terminal to the next by the fewest codes."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

RESET, LINK, NO_LINK = "\x1b[0m", "\x1b]8;", "\x1b]8;;\x1b\\"
_ONE = re.compile(r"\x1b\[([\d;]+)m")


class _Codes(NamedTuple):
    """The codes of a style by what they set; colours as they are written, or nothing."""

    attributes: frozenset[str]
    foreground: str
    background: str


@lru_cache(4096)
def change(before: str, after: str) -> str:
    """What leads from the style that ``before`` began to the one that ``after`` begins.

    Each is one sequence of codes as Rich writes it, or nothing where there is no style. What is
    anything else, such as a link, is ended as a whole, and begun so.
    """
    if before == after:
        return ""
    old, new = _codes(before), _codes(after)
    if old is None or new is None:
        return "".join((RESET if before else "", NO_LINK if LINK in before else "", after))
    is_more = old.attributes <= new.attributes
    if not is_more or (old.foreground and not new.foreground):
        return _anew(new)
    if old.background and not new.background:
        return _anew(new)
    codes = sorted(new.attributes - old.attributes)
    codes += [new.foreground] if new.foreground != old.foreground else []
    codes += [new.background] if new.background != old.background else []
    return f"\x1b[{';'.join(codes)}m"


def _anew(codes: _Codes) -> str:
    parts = ("0", *sorted(codes.attributes), codes.foreground, codes.background)
    return f"\x1b[{';'.join(filter(None, parts))}m"


@lru_cache(4096)
def _codes(begin: str) -> _Codes | None:
    """The codes of ``begin``; nothing where it is not such a sequence."""
    if not begin:
        return _Codes(frozenset(), "", "")
    match = _ONE.fullmatch(begin)
    if match is None:
        return None
    attributes: set[str] = set()
    colours = {"3": "", "4": ""}  # by the digit that their codes begin with
    numbers = iter(match[1].split(";"))
    for number in numbers:
        if number in ("38", "48"):
            kind = next(numbers, "")
            values = [next(numbers, "") for _ in range(1 if kind == "5" else 3)]
            colours[number[0]] = ";".join((number, kind, *values))
        elif len(number) == 1 or number in ("21", "51", "52", "53"):
            attributes.add(number)
        elif number.startswith(("3", "9")):
            colours["3"] = number
        elif number.startswith(("4", "10")):
            colours["4"] = number
        else:
            return None
    return _Codes(frozenset(attributes), colours["3"], colours["4"])
