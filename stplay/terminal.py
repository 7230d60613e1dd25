"""The terminal, as far as the environment tells of it."""

from __future__ import annotations

from collections.abc import Mapping

SEVEN_BIT = ("C", "POSIX")  # the locales in which no sign beyond ASCII is promised
# What Textual is told to take for a terminal where the app is shown in a browser.
BROWSER_DRIVER = "stplay.screens.shared.browserdriver:BrowserDriver"


def is_browser(environment: Mapping[str, str]) -> bool:
    """Whether a browser's window stands for the terminal, as by ``stplay serve``."""
    return environment.get("TEXTUAL_DRIVER") == BROWSER_DRIVER


def is_over_ssh(environment: Mapping[str, str]) -> bool:
    """Whether what is painted goes through SSH, in tmux as well."""
    return any(environment.get(name) for name in ("SSH_CONNECTION", "SSH_TTY"))


def is_dumb(environment: Mapping[str, str]) -> bool:
    """Whether the terminal cannot move its cursor, as that of an editor or a build."""
    return environment.get("TERM") in ("dumb", "unknown")


def is_seven_bit(environment: Mapping[str, str]) -> bool:
    """Whether the locale promises ASCII alone.

    Python itself would write UTF-8 there. Where no locale is set at all it has set one by now.
    """
    if environment.get("PYTHONUTF8") == "1" or environment.get("PYTHONIOENCODING"):
        return False
    named = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    return next(filter(None, named), "") in SEVEN_BIT
