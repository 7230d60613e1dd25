"""A training to look at, by its name: asked for, found here or on another machine, and opened."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from textual.app import App, SuspendNotSupported
from textual.content import Content

from stplay.errors import UserError
from stplay.foreign import places
from stplay.remote import remotehost
from stplay.remote.hostnames import RemotePlace, configured_hosts, remote_place
from stplay.remote.remotehost import RemoteRow, RemoteView
from stplay.remote.remoterun import RemoteRun
from stplay.remote.sshhost import SshError, SshHost
from stplay.remote.watching import RemoteSource, WatchedSource, source_at
from stplay.runs.runcolumns import age
from stplay.screens.shared.dialog import Choice
from stplay.screens.shared.prompt import Prompt
from stplay.screens.train.remotecontrol import awaited
from stplay.text import decimals, duration, printable

MOST_HOSTS = 8  # named in the hint; all of them are offered as one types
HINT = (
    "a Trainer's output folder, a console log, TensorBoard's event files, or a model card: its "
    "file, its folder, or its name on the Hub\n"
    "on another machine, through ssh, a run or a console log: host:run or host:path; its runs: host"
)


async def watched_place(app: App[None]) -> WatchedSource | None:
    """What the person wants to look at; nothing where they leave it, or it is not there."""
    hosts = await asyncio.to_thread(configured_hosts)
    named = ", ".join(hosts[:MOST_HOSTS]) + (", …" if len(hosts) > MOST_HOSTS else "")
    hint = f"{HINT}\nhosts that ssh knows: {named}" if hosts else HINT
    prompt = Prompt("Follow a training", hint, suggestions=hosts)
    name = await app.push_screen_wait(prompt)
    if name is None:
        return None
    try:
        there = remote_place(name)
        if there is not None:
            return await _remote(app, there)
        place = await asyncio.to_thread(places.place, name)
    except UserError as error:
        app.notify(error.sentence, severity="error", markup=False)
        return None
    if place.also:
        app.notify(place.also, markup=False)
    return place.source


async def _remote(app: App[None], place: RemotePlace) -> RemoteSource | None:
    host = SshHost(place.destination)
    app.notify(f"Connecting to {host.shown}", markup=False)
    try:
        view = await awaited(lambda: remotehost.look(host, place.path))
    except SshError as error:
        if not error.may_be_asked:
            raise
        view = _look_asking(app, host, place.path, error)
    if place.path:
        return source_at(host, place, view)
    rows = await awaited(lambda: remotehost.runs_there(host, view))
    if not rows:
        raise UserError(f"There are no runs of stplay on {host.shown}.")
    options = {row.folder: _words(row) for row in rows}
    folder = await app.push_screen_wait(Choice(f"Runs on {host.shown}", options))
    return None if folder is None else RemoteRun(host, view._replace(kind="run", path=folder))


def _look_asking(app: App[None], host: SshHost, path: str, refused: SshError) -> RemoteView:
    """What is at ``path``, once ssh has asked in the terminal, which is its own meanwhile.

    Raises:
        UserError: the machine is not reached all the same.
    """
    try:
        with app.suspend(), _terminals_keys():
            return remotehost.look(host, path, asks=True, hear=_say)
    except SuspendNotSupported:
        raise refused from None


def _say(line: str) -> None:
    """Tell, where ssh asks too, what it says besides: of two factors, which ones there are."""
    with suppress(OSError), Path("/dev/tty").open("w", encoding="utf-8") as terminal:
        terminal.write(f"{line}\n")


@contextmanager
def _terminals_keys() -> Iterator[None]:
    """Ctrl+C ends ssh, and not the app that waits for it."""
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _words(row: RemoteRow) -> Content:
    summary = row.summary
    if summary is None:
        return Content.styled(printable(row.run), "bold")
    dev, old = decimals(summary.best_dev_accuracy, 3), age(summary)
    begun = f"  {duration(old)} ago" if old is not None else ""
    facts = (f"  dev max {dev}{begun}", "dim")
    return Content.assemble((f"{printable(row.run)}  ", "bold"), summary.state, facts)
