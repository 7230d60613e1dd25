"""Choosing what lies behind a run: another one, anybody's training, or what is there by itself."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from textual.app import App
from textual.content import Content

from stplay.errors import UserError
from stplay.foreign.placereference import place_reference
from stplay.jobs.events import RunStarted
from stplay.remote.remoterun import RemoteRun
from stplay.runs.referencelog import Reference, reference_of, run_reference
from stplay.runs.run import Run
from stplay.runs.runsummary import RunSummary, summaries
from stplay.screens.shared.dialog import Choice
from stplay.screens.shared.prompt import Prompt
from stplay.text import decimals, printable

BY_ITSELF, A_PLACE = "-", "+"  # no run can be called so


class Laid(NamedTuple):
    """What was chosen; no ``reference`` where it is what lies there by itself."""

    reference: Reference | None


async def laid_behind(
    app: App[None], run: Run | RemoteRun, started: RunStarted | None
) -> Laid | None:
    """What the person wants to lie behind ``run``, which began so; nothing where all stays."""
    card = reference_of(started)
    options = {BY_ITSELF: Content(f"the {card.name}" if card is not None else "nothing")}
    for summary in await asyncio.to_thread(summaries):
        if summary.run != run.id or isinstance(run, RemoteRun):
            options[summary.run] = _words(summary)
    options[A_PLACE] = Content("a model card, a log, a Trainer's folder…")
    chosen = await app.push_screen_wait(Choice(f"Lay behind {printable(run.id)}", options))
    if chosen == A_PLACE:
        return await _place(app, run)
    if chosen is None or chosen == BY_ITSELF:
        return None if chosen is None else Laid(None)
    try:
        return Laid(await asyncio.to_thread(run_reference, Run.find(chosen)))
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
        return None


async def _place(app: App[None], run: Run | RemoteRun) -> Laid | None:
    """What somebody else's training, which the person names, measured."""
    prompt = Prompt(
        f"Lay behind {printable(run.id)}",
        "a model card: its file, its folder, or its name on the Hub; a Trainer's output folder, a "
        "console log, TensorBoard's event files",
    )
    name = await app.push_screen_wait(prompt)
    if name is None:
        return None
    try:
        laid = await asyncio.to_thread(place_reference, name)
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
        return None
    if laid.left_out:
        app.notify(laid.left_out, markup=False)
    return Laid(laid.reference)


def _words(summary: RunSummary) -> Content:
    dev = decimals(summary.best_dev_accuracy, 3)
    return Content.assemble(
        (f"{printable(summary.run)}  ", "bold"), summary.state, (f"  dev max {dev}", "dim")
    )
