"""What the commands of all subjects share on the command line."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Protocol

from stplay.text import MOST_DIGITS, clipped, printable, whole_number


class AddCommand(Protocol):
    """Adds a command to the command line."""

    def __call__(
        self, name: str, command: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        """The parser of the command's own arguments."""
        ...


def number(text: str) -> int:
    """A number on the command line.

    Raises:
        ArgumentTypeError: it is none.
    """
    if (found := whole_number(text)) is None:
        raise argparse.ArgumentTypeError(
            f"{clipped(printable(text), 40)!r} is no whole number above 0, of at most "
            f"{MOST_DIGITS} digits"
        )
    return found
