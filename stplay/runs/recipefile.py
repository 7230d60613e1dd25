"""A recipe written into a file of the person's own, to start from again."""

from __future__ import annotations

from pathlib import Path

from stplay.errors import UserError
from stplay.runs.recipe import Recipe
from stplay.sources.paths import expanded
from stplay.text import printable

SUFFIX = ".toml"


def recipe_path(name: str) -> Path:
    """Where the recipe file called ``name`` is to lie; its suffix may be left out.

    Raises:
        UserError: it names a folder, or nothing.
    """
    path = expanded(name.strip())
    if not path.name or name.endswith("/") or path.is_dir():
        raise UserError("Name a file, such as mine.toml.")
    return path if path.suffix == SUFFIX else path.with_name(path.name + SUFFIX)


def save_recipe(chosen: Recipe, path: Path, *, replace: bool) -> None:
    """Write ``chosen`` to ``path``, whole or not at all.

    Raises:
        UserError: something is there and is not to be replaced, or the system refuses it.
    """
    shown = printable(str(path))
    if path.exists() and not replace:
        raise UserError(f"There is a file {shown} already; choose another name.")
    partial = path.with_name(f".{path.name}.partial")
    try:
        try:
            partial.write_text(chosen.to_toml(), encoding="utf-8")
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no file can be called so"
        raise UserError(f"The recipe cannot be saved as {shown}: {reason}.") from None
