"""What a run on another machine is asked for: the stplay there does it, and its log tells."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from textual.app import App

from stplay.errors import UserError
from stplay.jobs.events import Control
from stplay.jobs.worklog import asked_words
from stplay.remote.remoterun import RemoteRun

Outcome = TypeVar("Outcome")


async def awaited(function: Callable[[], Outcome]) -> Outcome:
    """What ``function`` comes to, in a thread that the end of the app does not wait for.

    Raises:
        UserError: as ``function``.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Outcome] = loop.create_future()

    def settle(outcome: Outcome | None, error: Exception | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(outcome)  # pyright: ignore[reportArgumentType]

    def work() -> None:
        outcome, error = None, None
        try:
            outcome = function()
        except Exception as caught:
            error = caught
        with suppress(RuntimeError):  # the app has ended
            loop.call_soon_threadsafe(settle, outcome, error)

    threading.Thread(target=work, name="remote control", daemon=True).start()
    return await future


async def ask_there(app: App[None], run: RemoteRun, control: Control) -> None:
    """Ask ``run`` for ``control``, and tell where it cannot be had."""
    await _tell(app, run, f"{asked_words([control])}.", lambda: run.ask(control))


async def resume_there(app: App[None], run: RemoteRun, *, lost: bool) -> None:
    """Have ``run`` go on; one that is not heard of only where it is known to be dead."""
    words = f"{run.title} is to go on."
    await _tell(app, run, words, lambda: run.resume(force=lost))


async def _tell(app: App[None], run: RemoteRun, words: str, function: Callable[[], str]) -> None:
    if why := run.why_only_watched:
        app.notify(why, severity="warning", markup=False)
        return
    app.notify(words, markup=False)
    try:
        await awaited(function)
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
