"""What a process replies to whoever asked: a JSON object a line, where no print of others goes."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress

import msgspec

from stplay.engine.worker.reader import end_with_reader
from stplay.errors import UserError
from stplay.jobs.process import REPLIES, Refused, Reply


class Replies:
    """Where the lines go: the descriptor that the starter has opened, or, without one, the output.

    The process ends with whoever asked, unless it ``outlives`` them.
    """

    def __init__(self, *, outlives: bool = False) -> None:
        opened = os.environ.pop(REPLIES, None)
        self._descriptor = 1 if opened is None else int(opened)
        if opened is not None:
            os.set_inheritable(self._descriptor, False)
        if not outlives:
            end_with_reader(self._descriptor)

    def write(self, told: msgspec.Struct) -> None:
        """Say it at once; where nobody listens any more, in vain."""
        line = memoryview(msgspec.json.encode(told) + b"\n")
        with suppress(BrokenPipeError):
            while line:
                line = line[os.write(self._descriptor, line) :]


def reply(work: Callable[[Replies], Reply], *, outlives: bool = False) -> int:
    """Reply with what ``work`` makes or, with exit code 2, with why it cannot be made."""
    replies = Replies(outlives=outlives)
    try:
        replies.write(work(replies))
    except UserError as error:
        replies.write(Refused(error=error.sentence))
        return error.exit_code
    return 0
