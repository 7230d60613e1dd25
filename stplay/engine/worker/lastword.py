"""The last word of a process of ours: how it has ended, and what can be done about it."""

from __future__ import annotations

import errno
import shutil
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from stplay.engine.worker.outofmemory import chain, is_out_of_memory
from stplay.engine.worker.stopsignal import Stopped
from stplay.errors import UserError
from stplay.exitcodes import FAILED, FINISHED, INTERRUPTED
from stplay.jobs.events import RunFinished
from stplay.text import printable


class Advice(NamedTuple):
    """What to do when a resource of the machine runs out, as the end of a sentence."""

    disk_full: str
    out_of_memory: str


def last_word(error: BaseException | None, folder: Path, advice: Advice) -> RunFinished:
    """``ending``, or as much of it as can be told where the telling itself fails."""
    try:
        return ending(error, folder, advice)
    except BaseException as fault:
        print_error(fault)
        return RunFinished(outcome="failed", exit_code=FAILED, error=type(error).__name__)


def ending(error: BaseException | None, folder: Path, advice: Advice) -> RunFinished:
    """How a process that ended with ``error``, or without one, has ended.

    To be asked before anything is removed: a full disk is told by the room that is left.
    """
    match error:
        case None:
            return RunFinished(outcome="completed", exit_code=FINISHED)
        case Stopped():
            return RunFinished(outcome="stopped", exit_code=INTERRUPTED)
    sentence = user_sentence(error, folder, advice)
    details = "".join(traceback.format_exception(error))
    if not isinstance(error, UserError):
        print_error(error)
    if sentence is not None:
        return RunFinished(outcome="failed", exit_code=UserError.exit_code, error=sentence)
    summary = traceback.format_exception_only(error)[0].strip().rstrip(":")
    return RunFinished(outcome="failed", exit_code=FAILED, error=summary, details=details)


def user_sentence(error: BaseException, folder: Path, advice: Advice) -> str | None:
    """What a user can do about ``error``, in one sentence; ``None`` where it is a fault of ours."""
    if isinstance(error, UserError):
        return error.sentence
    if any(_is_disk_full(link, folder) for link in chain(error)):
        return f"The disk of {folder} is full; {advice.disk_full}"
    for link in chain(error):
        if isinstance(link, OSError) and link.errno == errno.EROFS:
            return (
                f"{printable(str(link.filename or folder))} cannot be written: its disk is "
                "read-only; have it mounted for writing, and start or resume the work."
            )
    if is_out_of_memory(error):
        return f"The memory ran out; {advice.out_of_memory}"
    return None


def _is_disk_full(error: BaseException, folder: Path) -> bool:
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return True
    text = str(error)
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return True
    # torch tells a write that failed, not why.
    failed_write = "PytorchStreamWriter" in text or "unexpected pos" in text
    return failed_write and shutil.disk_usage(folder).free < 1 << 20


def print_error(error: BaseException) -> None:
    """Tell the log of the output; where the disk is full or it is closed, nothing can be done."""
    with suppress(Exception):
        traceback.print_exception(error)
        sys.stderr.flush()
