"""What stands on another machine: at a path, and which runs there are."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Literal, NamedTuple, cast

import msgspec

from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.jobs import folders
from stplay.remote.remotescripts import COMMAND, LIST, LOOK
from stplay.remote.sshhost import Hear, ScriptReply, SshHost
from stplay.runs.runsummary import RunSummary
from stplay.text import printable

RemoteKind = Literal["run", "folder", "file", "none"]


class RemoteView(NamedTuple):
    """What is at a path: its ``kind``, the whole path, the machine's name, and where stplay is.

    ``stplay`` is empty where it is not installed, or not found.
    """

    kind: RemoteKind
    path: str
    node: str
    stplay: str


class RemoteRow(NamedTuple):
    """A run of another machine, and all that stplay there tells of it, where it is there."""

    run: str
    folder: str
    summary: RunSummary | None = None


def look(
    host: SshHost, path: str, *, asks: bool = False, hear: Hear = lambda line: None
) -> RemoteView:
    """What is at ``path`` of ``host``; a person is asked for a password only where it ``asks``.

    Raises:
        UserError: the machine is not reached, or has no shell that answers.
    """
    reply = host.run(LOOK, path, asks=asks, hear=hear)
    told: dict[str, str] = {}
    for part in reply.parts:
        name, _, value = part.partition(b" ")
        told[name.strip().decode("ascii", "replace")] = os.fsdecode(value).removesuffix("\n")
    if reply.parts[-1:] != [b"end\n"] and reply.parts[-1:] != [b"end"]:
        told = {}
    if not {"kind", "path", "node", "stplay"} <= set(told):
        raise _no_shell(host, reply)
    return RemoteView(cast("RemoteKind", told["kind"]), told["path"], told["node"], told["stplay"])


def runs_there(host: SshHost, view: RemoteView) -> list[RemoteRow]:
    """The runs of ``host``, of which ``view`` was had, the one that changed last first.

    Raises:
        UserError: as ``look``.
    """
    if view.stplay:
        reply = host.run(COMMAND, "", view.stplay, "runs", "--json")
        with suppress(msgspec.DecodeError, UnicodeDecodeError):  # of another release than ours
            text = b"".join(reply.parts).strip()
            told = msgspec.json.decode(b"[%b]" % text.replace(b"\n", b","), type=list[RunSummary])
            if reply.code == FINISHED:
                return [RemoteRow(each.run, each.folder, each) for each in told]
    reply = host.run(LIST)
    folders_there = [
        os.fsdecode(part).removesuffix("\n").rpartition("/")[0] for part in reply.parts
    ]
    rows = [RemoteRow(folder.rpartition("/")[2], folder) for folder in folders_there]
    return [each for each in rows if folders.NAME.fullmatch(each.run)]


def _no_shell(host: SshHost, reply: ScriptReply) -> UserError:
    said = f": {printable(reply.words)}" if reply.words else ""
    return UserError(
        f"{host.shown} was reached, but has no shell that tells what is there (exit code "
        f"{reply.code}){said}."
    )
