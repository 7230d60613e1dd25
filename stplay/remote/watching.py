"""What is watched by a name: a place of this machine, or of one that ssh reaches."""

from __future__ import annotations

from stplay.errors import UserError
from stplay.foreign.foreignsource import ForeignSource
from stplay.remote import remotehost
from stplay.remote.hostnames import RemotePlace
from stplay.remote.remotehost import RemoteView
from stplay.remote.remoterun import RemoteRun
from stplay.remote.sshhost import Hear, SshHost
from stplay.runs.run import Run
from stplay.text import printable

WatchedSource = Run | ForeignSource | RemoteRun


def remote_run(
    place: RemotePlace, *, asks: bool = False, hear: Hear = lambda line: None
) -> RemoteRun:
    """The run at ``place``; ssh asks a person for a password only where it ``asks``.

    Raises:
        SshError: the machine is not reached.
        UserError: no run is there.
    """
    host = SshHost(place.destination)
    return run_at(host, place, remotehost.look(host, place.path, asks=asks, hear=hear))


def run_at(host: SshHost, place: RemotePlace, view: RemoteView) -> RemoteRun:
    """The run at ``place``, where ``view`` is what stands there.

    Raises:
        UserError: it is none.
    """
    shown = printable(place.path)
    if view.kind == "run":
        return RemoteRun(host, view)
    if view.kind == "none":
        raise UserError(
            f"There is no run {shown} on {host.shown}; its runs are listed by: "
            f"stplay watch {host.shown}:"
        )
    what = "a folder without an event log" if view.kind == "folder" else "a file"
    raise UserError(
        f"{printable(view.path)} on {host.shown} is {what}; over ssh only the folders of runs of "
        "stplay are watched. Run stplay watch there."
    )
