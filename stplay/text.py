"""Text of other people, made safe and fit to show."""

from __future__ import annotations

import itertools
import math
import re
import time
import unicodedata
from collections.abc import Callable, Sequence

HUGE = 1e15
MOST_SHOWN = 4096
MOST_DIGITS = 15
MOST_CUTS = 8
YEAR = 365.25 * 86_400
MOST_MARKS = 8  # in a row: a letter of any language has fewer above and below it

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MARKS = frozenset({"Mn", "Me"})
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic words and joined emoji need these
_JAMO = "\u1160-\u11ff\ud7b0-\ud7ff"  # vowels and finals that are drawn into the cell before
_ANY_FLOOD = re.compile(rf"(?:[^\w\s]|[{_JAMO}]){{{MOST_MARKS + 1}}}")
_IS_JAMO = re.compile(f"[{_JAMO}]").match


def printable(text: str) -> str:
    """``text`` on one line, with a replacement sign for what could steer a terminal.

    Control, bidirectional-override and other invisible format characters are replaced by U+FFFD,
    and so are floods of combining signs; tabs and line ends become one space.
    """
    return _replaced(text, _sign_instead)


def _sign_instead(sign: str) -> str:
    return " " if sign in "\t\n\r" else "\N{REPLACEMENT CHARACTER}"


def clipped(text: str, most: int = MOST_SHOWN) -> str:
    """The first ``most`` characters of ``text``, as many as anybody reads in a view."""
    return text if len(text) <= most else text[: most - 1] + "…"


def printable_lines(text: str) -> str:
    """As ``printable``, but the lines of ``text`` stay lines."""
    return "\n".join(map(printable, text.replace("\r\n", "\n").split("\n")))


def printable_json(text: str) -> str:
    """JSON lines that decode to the same values, with nothing in them that steers a terminal."""
    return "\n".join(_replaced(line, _json_escape) for line in text.split("\n"))


def ascii_json(text: str) -> str:
    """The same JSON for a terminal that has no other signs."""
    return re.sub(r"[^\x00-\x7f]", lambda found: _json_escape(found[0]), text)


def _json_escape(sign: str) -> str:
    if sign in "\t\r":  # only between the tokens: in a string they are escaped already
        return " "
    digits = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{digits[start : start + 4]}" for start in range(0, len(digits), 4))


def _replaced(text: str, replacement: Callable[[str], str]) -> str:
    """``text`` with the ``replacement`` of each character that could steer or flood a terminal."""
    floods = not text.isascii() and _ANY_FLOOD.search(text)
    if not floods:
        if text.isprintable():
            return text
        return "".join([replacement(sign) if _is_unsafe(sign) else sign for sign in text])
    shown: list[str] = []
    marks = 0
    for sign in text:
        is_mark = unicodedata.category(sign) in _MARKS or sign in _JOINERS or _IS_JAMO(sign)
        marks = marks + 1 if is_mark else 0
        shown.append(replacement(sign) if marks > MOST_MARKS or _is_unsafe(sign) else sign)
    return "".join(shown)


def _is_unsafe(sign: str) -> bool:
    if sign.isprintable():
        return False
    return unicodedata.category(sign) in _UNSAFE and sign not in _JOINERS


def count(value: float | None) -> str:
    """A whole number with thousands separators, ``-`` where there is none."""
    return decimals(value, 0)


def decimals(value: float | None, places: int) -> str:
    """A number with fixed decimals, ``-`` where there is none; a huge one by its power of ten."""
    if value is None:
        return "-"
    number = _float(value)
    return f"{number:,.{places}f}" if abs(number) < HUGE else f"{number:.{places}e}"


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:  # a whole number of more than 308 digits
        return math.inf if value > 0 else -math.inf


def moment(seconds: float | None) -> str:
    """A time of this place's clocks, ``2023-11-14 22:13``; ``-`` where there is none."""
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds)) if seconds else "-"
    except (OverflowError, ValueError, OSError):  # beyond what the clocks tell
        return "-"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``34 s``, ``2 min 05 s``, ``3 h 20 min``, ``2 d 4 h``."""
    seconds = _float(seconds)
    if math.isnan(seconds):
        return "-"
    if seconds >= 100 * YEAR:
        return "more than 100 years"
    whole = max(0, round(max(0.0, seconds)))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(value: float) -> str:
    """A number of bytes in binary units: ``512 B``, ``3.2 MiB``, ``11.2 GiB``."""
    value = _float(value)
    if value < 0:
        return f"-{size(-value)}"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB" if value < HUGE else f"{value:.1e} TiB"


def whole_number(text: str) -> int | None:
    """The whole number above 0 that a person typed, of at most ``MOST_DIGITS``; or none."""
    fits = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return (int(text) or None) if fits else None


def shortened(names: Sequence[str], width: int) -> list[str]:
    """``names`` in at most ``width`` cells each, so that different ones stay different.

    A long name is cut in the middle, or, where that leaves nothing of what differs, before it.
    """
    texts = [printable(name) for name in names]
    shown = {text: _cut(text, width) for text in texts}
    for _ in range(MOST_CUTS):
        if not (alike := _alike(shown)):
            break
        for group in alike:
            start = _start_of_difference(group, width)
            shown |= {text: _cut(f"…{text[start:]}", width) for text in group}
    for group in _alike(shown):
        numbers = itertools.count(1)
        for text in group:
            marks = (f"~{number}" for number in numbers)
            tries = (_cut(text, width - len(mark)) + mark for mark in marks)
            shown[text] = next(each for each in tries if each not in shown.values())
    return [shown[text] for text in texts]


def _alike(shown: dict[str, str]) -> list[list[str]]:
    """The texts that are shown as others are."""
    groups: dict[str, list[str]] = {}
    for text, cut in shown.items():
        groups.setdefault(cut, []).append(text)
    return [group for group in groups.values() if len(group) > 1]


def _start_of_difference(texts: Sequence[str], width: int) -> int:
    """Where the first difference of ``texts`` begins, or as much before it as there is room for."""
    from rich.cells import cell_len

    alike = itertools.takewhile(lambda signs: len(set(signs)) == 1, zip(*texts, strict=False))
    shared = sum(1 for _ in alike)
    room = width - 1 - max(cell_len(text[shared:]) for text in texts)
    start = shared
    while start > 0 and cell_len(texts[0][start - 1 : shared]) <= room:
        start -= 1
    return texts[0].find("/", start, shared) + 1 or start


def _cut(text: str, width: int) -> str:
    """``text`` without as much of its middle as is more than ``width`` cells."""
    from rich.cells import cell_len

    if cell_len(text) <= width:
        return text

    def most(signs: str, room: int) -> list[str]:
        ends = itertools.accumulate(map(cell_len, signs))
        return [sign for sign, end in zip(signs, ends, strict=False) if end <= room]

    head = most(text, (width - 1) // 2)
    tail = most(text[::-1], width - 1 - cell_len("".join(head)))
    while tail and unicodedata.category(tail[-1]) in _MARKS:  # of a sign that is gone
        tail.pop()
    return "".join((*head, "…", *reversed(tail)))
