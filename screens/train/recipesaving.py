"""Saving what stands in the form as a recipe file."""

from __future__ import annotations

import asyncio

from textual.app import App

from stplay.errors import UserError
from stplay.runs.recipe import Recipe
from stplay.runs.recipefile import SUFFIX, recipe_path, save_recipe
from stplay.screens.shared.dialog import Question
from stplay.screens.shared.prompt import Prompt
from stplay.text import printable


async def save_as_asked(app: App[None], chosen: Recipe, stem: str) -> None:
    """Ask where ``chosen`` is to be saved, and whether it replaces what is there, and save it."""
    prompt = Prompt(
        "Save the form as a recipe file",
        "a path; stplay train, and this form, start from it",
        f"{stem}{SUFFIX}",
        check=recipe_path,
    )
    name = await app.push_screen_wait(prompt)
    if name is None:
        return
    path = recipe_path(name)
    shown = printable(str(path))
    replace = path.exists()
    if replace:
        question = Question(f"There is a file {shown} already.", "Replace it", "Leave it")
        if not await app.push_screen_wait(question):
            return
    try:
        await asyncio.to_thread(save_recipe, chosen, path, replace=replace)
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
    else:
        app.notify(f"Saved as {shown}", markup=False)
