"""The command ``recipe``: a recipe as a file, and what its fields mean."""

from __future__ import annotations

import argparse

from stplay.cli import output
from stplay.cli.grammar import AddCommand
from stplay.cli.runcommands import take_recipe
from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.text import printable


def add_to(add: AddCommand) -> None:
    """Add the command to the command line."""
    recipe_ = add("recipe", show, "Print a recipe with changes, save it, or tell its fields.")
    take_recipe(recipe_)
    recipe_.add_argument("--save", metavar="FILE", help="write it to a .toml file instead")
    recipe_.add_argument("--force", action="store_true", help="also where there is such a file")
    recipe_.add_argument(
        "--fields",
        metavar="WORDS",
        nargs="?",
        const="",
        help="every field, or those that have these words: value, help, what is allowed",
    )
    recipe_.add_argument("--json", action="store_true", help="print one object")


def show(options: argparse.Namespace) -> int:
    """Print a recipe, or save it."""
    from stplay.runs import recipe
    from stplay.runs.recipefile import recipe_path, save_recipe

    chosen = recipe.load(options.recipe, options.overrides)
    if options.save is not None:
        path = recipe_path(options.save)
        save_recipe(chosen, path, replace=options.force)
        output.say(f"Saved as {path}")
    elif options.json:
        output.json(chosen)
    elif options.fields is not None:
        _tell_fields(chosen, options.fields)
    else:
        output.Data("toml").write(chosen.to_toml())
    return FINISHED


def _tell_fields(chosen: object, words: str) -> None:
    from stplay.runs.recipefields import with_words, written

    found = with_words(words)
    for field in found:
        section, _, name = field.name.partition(".")
        value, default = getattr(getattr(chosen, section), name), field.default
        instead_of = "" if value == default else f"   instead of {written(default) or 'nothing'}"
        output.say(f"{field.name} = {written(value) or 'nothing'}{instead_of}")
        output.say(f"    {field.help} It must be {field.allowed}.")
    if not found:
        raise UserError(f"No field has the words {printable(words)}.")
