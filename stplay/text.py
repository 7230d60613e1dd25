"""Text of other people, made safe and fit to show."""

from __future__ import annotations

import unicodedata

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")  # Persian and Indic words and joined emoji need these


def printable(text: str) -> str:
    """``text`` on one line, with a replacement sign for what could steer a terminal.

    Control, bidirectional-override and other invisible format characters are replaced by U+FFFD;
    tabs and line ends become one space.
    """
    if text.isascii() and text.isprintable():
        return text
    shown = []
    for character in text:
        if character in "\t\n\r":
            shown.append(" ")
        elif unicodedata.category(character) in _UNSAFE and character not in _JOINERS:
            shown.append("\N{REPLACEMENT CHARACTER}")
        else:
            shown.append(character)
    return "".join(shown)


def count(value: float | None) -> str:
    """A whole number with thousands separators, ``-`` where there is none."""
    return "-" if value is None else f"{value:,.0f}"


def decimals(value: float | None, places: int) -> str:
    """A number with fixed decimals, ``-`` where there is none."""
    return "-" if value is None else f"{value:,.{places}f}"


def duration(seconds: float) -> str:
    """Seconds as people say them: ``34 s``, ``2 min 05 s``, ``3 h 20 min``, ``2 d 4 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def size(value: float) -> str:
    """A number of bytes in binary units: ``512 B``, ``3.2 MiB``, ``11.2 GiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} B" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
