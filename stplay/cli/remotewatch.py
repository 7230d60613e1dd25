"""What ``watch`` does with another machine: the first connection, its runs, and how the link is."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from stplay.cli import output
from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.text import printable

if TYPE_CHECKING:
    from stplay.jobs.follower import JobView
    from stplay.remote.hostnames import RemotePlace
    from stplay.remote.linkstate import LinkKind
    from stplay.remote.watching import RemoteSource
    from stplay.runs.traininglog import TrainingLog

TOLD_EVERY_SECONDS = 2.0


def remote_source(place: RemotePlace) -> RemoteSource:
    """What is watched at ``place``; ssh asks in the terminal for what it needs.

    Raises:
        UserError: the machine is not reached, or nothing is there that can be watched.
    """
    from stplay.remote import watching

    return watching.remote_source(place, asks=True, hear=output.remark)


def list_runs(place: RemotePlace, as_json: bool) -> int:
    """List the runs of the machine."""
    from stplay.remote import remotehost
    from stplay.remote.sshhost import SshHost
    from stplay.runs import runcolumns

    host = SshHost(place.destination)
    view = remotehost.look(host, "", asks=True, hear=output.remark)
    rows = remotehost.runs_there(host, view)
    told = [row.summary for row in rows if row.summary is not None]
    if as_json:
        for row in rows:
            output.json(row.summary or {"run": row.run, "folder": row.folder})
    elif not rows:
        output.say(f"There are no runs of stplay on {host.shown}.")
    elif told:
        room = shutil.get_terminal_size().columns if output.on_terminal() else None
        output.say("\n".join(runcolumns.table(told, room).lines()))
    else:
        output.say("\n".join(row.run for row in rows))
        output.remark(f"No stplay is found on {host.shown}, so only the names of runs are known.")
    if rows and not as_json:
        output.remark(f"Watch one with: stplay watch {host.shown}:{printable(rows[0].run)}")
    return FINISHED


class LinkTeller:
    """Tells whoever watches how the link stands: every change, and on a terminal the delay too."""

    def __init__(self, source: RemoteSource, view: JobView[TrainingLog], as_json: bool) -> None:
        self.source, self.view = source, view
        self._is_live = output.on_terminal() and not as_json
        self._kind: LinkKind = "connected"  # which is what people expect
        self._words, self._told = "", 0.0

    def tell(self) -> None:
        """Tell what is new."""
        link, now = self.source.link.state, time.monotonic()
        changed = link.kind not in (self._kind, "connecting")
        due = self._is_live and now >= self._told + TOLD_EVERY_SECONDS
        words = self.source.link.words
        if changed or (due and words != self._words):
            self._kind = link.kind if changed else self._kind
            self._words, self._told = words, now
            self.view.say(words)


def check_link(source: RemoteSource) -> None:
    """Make sure that what is there can come.

    Raises:
        UserError: the link is down.
    """
    if source.link.state.kind in ("lost", "refused"):
        raise UserError(f"It cannot be read: {source.link.words}")
