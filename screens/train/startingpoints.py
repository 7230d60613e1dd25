"""What a recipe can start from: presets, recipes of earlier runs, files."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

from textual.content import Content
from textual.suggester import Suggester

from stplay.errors import UserError
from stplay.runs import recipe
from stplay.runs.recipefile import SUFFIX
from stplay.runs.runsummary import RunSummary
from stplay.sources.names import RunName
from stplay.sources.paths import expanded
from stplay.text import decimals, printable

FILE = "recipe file"
MOST_ENTRIES = 10_000  # of a folder that is looked into while one types

Choices = list[tuple[Content, str]]


def starting_points(first: str, runs: Sequence[RunSummary], source: str) -> Choices:
    """The presets, ``first`` before the others, ``runs``, and what is a file; ``source`` is one."""
    presets = sorted(recipe.presets(), key=lambda name: name != first)
    choices: Choices = [(Content(name), name) for name in presets]
    choices += [(_run_words(run), str(RunName(run.run))) for run in runs if run.recipe]
    if RunName.of(source) and source not in (value for _, value in choices):
        choices.append((Content(printable(source)), source))
    return [*choices, (Content("a recipe file…"), FILE)]


def _run_words(run: RunSummary) -> Content:
    dev = decimals(run.best_dev_accuracy, 3)
    accuracy = f"dev {dev}" if run.best_dev_accuracy is not None else "not evaluated on dev"
    return Content.assemble(printable(str(RunName(run.run))), (f"  {accuracy}", "dim"))


def check_file(path: str) -> None:
    """Make sure that there is a recipe at ``path``.

    Raises:
        UserError: nothing is typed yet, or it is none.
    """
    if not path:
        raise UserError("Type the path of a recipe, a .toml file, or run:NAME for that of a run.")
    recipe.load(path)


class RecipePaths(Suggester):
    """Completes the path of a recipe file by what lies in its folder."""

    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The first folder or recipe whose name begins as ``value`` does."""
        return await asyncio.to_thread(_completed, value) if value else None


def _completed(typed: str) -> str | None:
    head, slash, begin = typed.rpartition("/")
    found = sorted(_names(expanded(f"{head}{slash}") if slash else Path(), begin))
    return f"{head}{slash}{found[0]}" if found else None


def _names(folder: Path, begin: str) -> Iterator[str]:
    try:
        for number, each in enumerate(folder.iterdir()):
            if number == MOST_ENTRIES:
                return
            fits = each.name.startswith(begin) and (begin or not each.name.startswith("."))
            if not fits or printable(each.name) != each.name:
                continue
            if each.suffix == SUFFIX:
                yield each.name
            elif each.is_dir():
                yield f"{each.name}/"
    except (OSError, ValueError):
        return
