"""The user's settings: a TOML file, which need not be there, nor tell all of them."""

from __future__ import annotations

import sys

import msgspec

from stplay import home
from stplay.errors import UserError
from stplay.text import printable

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pyright: ignore[reportMissingImports]


class Settings(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What holds for all runs. ``notify``: the end of a run that is watched rings the bell."""

    notify: bool = True


def read() -> Settings:
    """The settings as they are now.

    Raises:
        UserError: the file cannot be read, or what it says is no setting.
    """
    path = home.settings_file()
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Settings)
    except FileNotFoundError:
        return Settings()
    except (OSError, ValueError, RecursionError) as error:  # of TOML, of UTF-8, and of msgspec
        told = printable(str(error)).rstrip(".")
        raise UserError(
            f"The settings in {printable(str(path))} cannot be used: {told}; correct the file, or "
            "remove it."
        ) from None
