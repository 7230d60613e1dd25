"""Mistakes that a user can mend, told in one sentence."""

from __future__ import annotations

from stplay import exitcodes
from stplay.text import printable


class UserError(Exception):
    """A mistake of the user's or of the machine's that ends in one sentence and exit code 2.

    The sentence says what is wrong and what to do; it is shown without a traceback.
    """

    exit_code = exitcodes.WRONG_INPUT

    @property
    def sentence(self) -> str:
        """The whole message, on one line and safe to show."""
        return printable(" ".join(str(self).split()))
