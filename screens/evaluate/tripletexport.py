"""Writing triplets into a file of the working folder, in a form that is asked for."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.app import App
from textual.content import Content

from stplay.evaluations.wrongtriplets import FORMATS, WrongTriplets
from stplay.screens.shared.dialog import Choice
from stplay.text import count


async def export(app: App[None], triplets: WrongTriplets, stem: str) -> None:
    """Ask for the form of the file called ``stem``, write ``triplets`` into it, and tell."""
    options = {
        form: Content.assemble((f"{form.upper():<6}", "bold"), f" {stem}.{form}")
        for form in FORMATS
    }
    title = f"Export {count(len(triplets))} triplets to {Path.cwd()}"
    form = await app.push_screen_wait(Choice(title, options))
    if form is None:
        return
    path = Path(f"{stem}.{form}")
    try:
        with path.open("w", encoding="utf-8", newline="" if form == "csv" else None) as file:
            await asyncio.to_thread(triplets.write, file, form)
    except OSError as error:
        app.notify(f"{path} cannot be written: {error.strerror}.", severity="error")
        return
    app.notify(f"{count(len(triplets))} triplets are in {path}", markup=False)
