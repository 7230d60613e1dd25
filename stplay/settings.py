"""The user's settings: a TOML file, which need not be there, nor tell all of them."""

from __future__ import annotations

import json
import re
import sys

import msgspec

from stplay import home
from stplay.errors import UserError
from stplay.text import printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]


# A line of the file: it has no tables.
_THEME = re.compile(r"^[ \t]*theme[ \t]*=.*\n?", re.MULTILINE)


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What holds for all runs.

    ``notify``: the end of a run that is watched rings the bell. ``theme`` is the app's, by its name
    in the palette of commands.
    """

    notify: bool = True
    theme: str = "stplay"


def read() -> Settings:
    """The settings as they are now.

    Raises:
        UserError: the file cannot be read, or what it says is no setting.
    """
    path = home.settings_file()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Settings)
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except (OSError, ValueError, RecursionError) as error:  # of TOML, of UTF-8, and of msgspec
        told = printable(str(error)).rstrip(".")
        raise UserError(
            f"The settings in {printable(str(path))} cannot be used: {told}; correct the file, or "
            "remove it."
        ) from None


def keep_theme(name: str) -> None:
    """Have the file say that the app's theme is the one called ``name``; all else in it stays.

    Raises:
        UserError: the file cannot be written, or is damaged.
    """
    told = read()
    if told.theme == name:
        return
    path, line = home.settings_file(), f"theme = {json.dumps(name)}\n"
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        changed, lines = _THEME.subn(lambda _: line, text)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(changed if lines else line + text, encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise UserError(
            f"The theme is not kept: {printable(str(path))} cannot be written: {error.strerror}."
        ) from None
