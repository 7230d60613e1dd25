"""The signs of ours that not every terminal has, and what stands in their place where it has not.

One sign each, of the same width, so that what is laid out stays so. It is done where text becomes
bytes: whoever shows something writes the sign that is meant, and knows nothing of this.
"""

from __future__ import annotations

import codecs
import unicodedata
from itertools import chain, repeat

ERRORS = "stplay.signs"  # the name of this way to encode what the encoding has not

_INSTEAD: dict[str, str] = dict(
    chain.from_iterable(
        zip(signs, repeat(instead), strict=False)
        for signs, instead in {
            "●◆◉": "*",
            "○□◯": "o",
            "◌·•": ".",
            "✓✔": "+",
            "✗✘×": "x",
            "■█▇▉▊▋▓": "#",
            "▲△↑": "^",
            "▼▽↓▾": "v",
            "→›▶▸»": ">",
            "←‹◀◂«": "<",
            "…±": "~",
            "–—‐‑−─━┄┅┈┉╌╍═╴╶╸╺╼╾▔": "-",
            "│┃┆┇┊┋╎╏║╵╷╹╻╽╿▏▎▍▌▐▕": "|",
            "▁▂": "_",
            "▃▄▒": ":",
            "▅▆": "=",
            "░": ".",
            "▀“”„": '"',
            "‘’‚": "'",
            "°": "o",
            "\xa0": " ",
        }.items()
    )
)
_UPPER_DOTS, _LOWER_DOTS = 0b00011011, 0b11100100  # of a sign of braille


def ascii_sign(sign: str) -> str:
    """As many signs of ASCII as ``sign`` takes cells: what is meant by it, or question marks."""
    if instead := _INSTEAD.get(sign):
        return instead
    if "\u2800" <= sign <= "\u28ff":  # a line of a chart
        dots = ord(sign) - 0x2800
        return " '.:"[bool(dots & _UPPER_DOTS) + 2 * bool(dots & _LOWER_DOTS)]
    if "\u2500" <= sign <= "\u257f":  # a corner or a crossing of lines
        return "+"
    if "\u2580" <= sign <= "\u259f":
        return "#"
    if unicodedata.combining(sign):
        return ""
    from rich.cells import cell_len

    return "?" * cell_len(sign)


def _encode(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(ascii_sign, error.object[error.start : error.end])), error.end


codecs.register_error(ERRORS, _encode)
