"""What is watched by a name: a place of this machine, or of one that ssh reaches."""

from __future__ import annotations

from stplay.errors import UserError
from stplay.foreign.foreignsource import ForeignSource
from stplay.foreign.tensorboardlog import MARK
from stplay.remote import remotehost
from stplay.remote.hostnames import RemotePlace
from stplay.remote.remotehost import RemoteView
from stplay.remote.remoteoutput import RemoteOutput
from stplay.remote.remoterun import RemoteRun
from stplay.remote.sshhost import Hear, SshHost
from stplay.runs.run import Run
from stplay.text import printable

RemoteSource = RemoteRun | RemoteOutput
WatchedSource = Run | ForeignSource | RemoteRun
OTHER_FORMATS = (".md", ".markdown", ".json", ".jsonl", ".csv", ".gz")


def remote_source(
    place: RemotePlace, *, asks: bool = False, hear: Hear = lambda line: None
) -> RemoteSource:
    """What is watched at ``place``; ssh asks a person for a password only where it ``asks``.

    Raises:
        SshError: the machine is not reached.
        UserError: nothing is there that can be watched from here.
    """
    host = SshHost(place.destination)
    return source_at(host, place, remotehost.look(host, place.path, asks=asks, hear=hear))


def source_at(host: SshHost, place: RemotePlace, view: RemoteView) -> RemoteSource:
    """What is watched at ``place``, where ``view`` is what stands there.

    Raises:
        UserError: it is none of what can be watched from here.
    """
    match view.kind:
        case "run":
            return RemoteRun(host, view)
        case "file" if not view.path.endswith(OTHER_FORMATS) and MARK not in view.path:
            return RemoteOutput(host, view)
        case "none":
            raise UserError(
                f"There is no run {printable(place.path)} on {host.shown}, and no such path; its "
                f"runs are listed by: stplay watch {host.shown}:"
            )
    raise UserError(
        f"{printable(view.path)} on {host.shown} is no run of stplay's and no console log, which "
        "is what can be watched from here; run stplay watch there."
    )
