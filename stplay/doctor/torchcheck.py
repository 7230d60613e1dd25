"""What torch can use of this machine, as a process says that imports it."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

from stplay import home
from stplay.doctor.finding import Finding, finding
from stplay.errors import UserError
from stplay.jobs import process
from stplay.jobs.process import RefusalError, Reply
from stplay.text import printable

SECTION = "torch"
MODULE = "stplay.engine.lookattorch"
MOST_SECONDS = 60.0


class TorchFound(Reply):
    """What torch computes on.

    ``why`` is why it cannot use a GPU that is there; ``bf16`` is of the GPU, where it uses one.
    """

    version: str
    device: str
    bf16: bool | None = None
    why: str | None = None


def findings() -> list[Finding]:
    """Ask a process, which is ended where it takes too long."""
    try:
        return _told(process.ask(MODULE, kind=TorchFound, seconds=MOST_SECONDS, **_named()))
    except (UserError, OSError) as error:
        return [_untold(error)]


async def findings_async() -> list[Finding]:
    """As ``findings``; whoever gives up waiting ends the process."""
    try:
        asked = process.ask_async(MODULE, kind=TorchFound, seconds=MOST_SECONDS, **_named())
        return _told(await asked)
    except (UserError, OSError) as error:
        return [_untold(error)]


class _Place(TypedDict):
    log: Path
    title: str


def _named() -> _Place:
    log = home.cache_folder() / "lookattorch.log"
    return {"log": log, "title": "process that looks at torch"}


def _untold(error: UserError | OSError) -> Finding:
    told = error.sentence if isinstance(error, UserError) else f"nobody could ask it: {error}"
    advice = "look at what it printed; free memory"
    if isinstance(error, RefusalError):
        advice = "install torch again, as https://pytorch.org/get-started/locally says"
    return finding(SECTION, "torch", "problem", told, advice)


def _told(found: TorchFound) -> list[Finding]:
    told = f"{printable(found.version)}, computes on {printable(found.device)}"
    findings = [finding(SECTION, "torch", "ok", told)]
    if found.why is not None:
        why = printable(found.why)
        told, parting, advice = why.rpartition("; ")
        if not parting:
            told, _, advice = why.rpartition(": ")
        findings.append(finding(SECTION, "GPU", "problem", told, advice))
    if found.bf16 is None:
        told = "for GPUs alone: the processors train in float32"
        return [*findings, finding(SECTION, "bf16", "note", told)]
    if found.bf16:
        return [*findings, finding(SECTION, "bf16", "ok", "the GPU has it")]
    told = "the GPU has none: what asks for it trains in fp16"
    return [*findings, finding(SECTION, "bf16", "note", told)]
