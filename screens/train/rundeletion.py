"""Removing a run from the disk, as both the run that is shown and the list of runs do it."""

from __future__ import annotations

import asyncio

from textual.app import App

from stplay.errors import UserError
from stplay.runs.run import Run
from stplay.screens.shared.dialog import Question
from stplay.text import size


async def delete_confirmed(app: App[None], run: Run) -> bool:
    """Remove ``run`` once the person has confirmed it; false where it stays."""
    try:
        await asyncio.to_thread(run.check_deletable)
        question = Question(
            f"Delete {run.id}, with all its checkpoints and its model?",
            yes="Delete it",
            no="Keep it",
        )
        if not await app.push_screen_wait(question):
            return False
        await asyncio.to_thread(run.check_deletable)
        freed = await asyncio.to_thread(run.delete)
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
        return False
    app.notify(f"{run.id} is deleted; {size(freed)} are free again.", markup=False)
    return True
