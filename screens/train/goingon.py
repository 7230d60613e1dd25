"""Going on with a run: longer than it was meant to be, or from where it stopped."""

from __future__ import annotations

import asyncio

from textual.app import App

from stplay.errors import UserError
from stplay.remote.remoterun import RemoteRun
from stplay.runs.changes import check_changes, length_field
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.screens.shared.dialog import Question
from stplay.screens.shared.prompt import Prompt
from stplay.screens.train.remotecontrol import resume_there
from stplay.text import printable


async def extended(app: App[None], run: Run) -> Run | None:
    """The finished ``run``, at work again for as long as the person says; nothing otherwise."""
    try:
        training = run.recipe().training
        field = length_field(run.recipe())
        name = field.partition(".")[2]
        unit = "steps" if name == "max_steps" else "epochs"
        prompt = Prompt(
            f"Train {run.id} on, to how many {unit} in all?",
            f"It has {getattr(training, name):g}. The learning rate goes on where the schedule "
            "of all of them stands then.",
            check=lambda value: check_changes(run.recipe_path, [f"{field}={value}"]),
        )
        value = await app.push_screen_wait(prompt)
        if value is None:
            return None
        longer = Run(run.folder, [f"{field}={value}"])
        await asyncio.to_thread(longer.check_resumable)
        await asyncio.to_thread(longer.launch)
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
        return None
    return Run(run.folder)


async def resumed(app: App[None], run: Run | RemoteRun, log: TrainingLog) -> bool:
    """Whether ``run`` is at work here again; a lost one once the person has said that it is dead.

    One of another machine goes on there, and its log tells.
    """
    lost = log.status == "lost"
    if lost:
        question = Question(
            f"{run.title} may be at work on {printable(log.worker.host if log.worker else '')} "
            "still. Two processes would spoil it. Is nothing of it at work there?",
            yes="Nothing is: go on",
            no="Leave it",
        )
        if not await app.push_screen_wait(question):
            return False
    if isinstance(run, RemoteRun):
        await resume_there(app, run, lost=lost)
        return False
    try:
        await asyncio.to_thread(run.check_resumable, lost)
        await asyncio.to_thread(run.launch)
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
        return False
    return True
