"""Alt and a key, as terminals send it: the escape sign, then the sign on the key.

Escape with the next key hard upon it looks the same. In neither case is it text.
"""

from __future__ import annotations

import string
from contextlib import suppress
from typing import NamedTuple

from textual.events import Event, Key

_NAMES = {",": "comma", ".": "full_stop"}
_BEGIN_SEQUENCES = "OPX"  # such as those of the arrows


class _Named(NamedTuple):
    value: str


def tell_alt() -> None:
    """Let Textual read alt and a key at once, and digits not as Option and a digit on a Mac: ¡."""
    with suppress(ImportError):  # the table is no public part of Textual
        from textual._ansi_sequences import ANSI_SEQUENCES_KEYS

        known: dict[str, object] = ANSI_SEQUENCES_KEYS  # type: ignore[assignment]
        for sign in {*string.ascii_letters, *string.digits, *_NAMES} - {*_BEGIN_SEQUENCES}:
            name = _NAMES.get(sign, f"shift+{sign.lower()}" if sign.isupper() else sign)
            if not isinstance(known.get(f"\x1b{sign}"), tuple):  # alt+f and alt+b move by words
                known[f"\x1b{sign}"] = (_Named(f"alt+{name}"),)


def take_text_off(event: Event) -> None:
    """Keep a field from taking alt and a key, if ``event`` is that, for text."""
    if isinstance(event, Key) and event.key.startswith("alt+"):
        event.character = None
