"""How a training that stplay did not start was left, where its Trainer does not come to its end."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType

from stplay.engine.worker.lastword import Advice, user_sentence
from stplay.exitcodes import FAILED, INTERRUPTED
from stplay.jobs.events import RunFinished

OF_THE_HANDLER = "transformers.trainer_callback"
LIBRARIES = ("transformers.", "sentence_transformers.")
LOOKS = 2  # that have to agree


class ScriptExit:
    """Looks whether the thread that makes this is still in the library's call that trains.

    A script that catches what was raised, and a notebook, go on without it.
    """

    def __init__(self) -> None:
        self._thread = threading.get_ident()
        self._training = _training_call()
        self._raised = _unhandled()  # by something before
        self._absent = 0

    def was_left(self) -> bool:
        """Whether the call has ended, as looked at now and the time before."""
        if self._training is None:
            return False
        frame = sys._current_frames().get(self._thread)
        is_there = any(each.f_code is self._training for each in _outward(frame))
        self._absent = 0 if is_there else self._absent + 1
        return self._absent >= LOOKS

    def last_word(self, folder: Path, sentence: str) -> RunFinished:
        """What ended it: what was raised and nobody handled, or else ``sentence``."""
        error = _unhandled()
        if error is None or error is self._raised:
            return RunFinished(outcome="failed", exit_code=FAILED, error=sentence)
        if isinstance(error, KeyboardInterrupt):
            return RunFinished(outcome="stopped", exit_code=INTERRUPTED)
        advice = Advice(
            disk_full="free some room there, and start the program again.",
            out_of_memory="a smaller per_device_train_batch_size takes less.",
        )
        told = user_sentence(error, folder, advice)
        return RunFinished(
            outcome="failed",
            exit_code=FAILED,
            error=told or traceback.format_exception_only(error)[0].strip().rstrip(":"),
            details="".join(traceback.format_exception(error)),
        )


def _unhandled() -> BaseException | None:
    """What Python has last told as a traceback at the end of a program, or of a cell."""
    return getattr(sys, "last_value", None)


def _training_call() -> CodeType | None:
    """The outermost call of the library that this one comes from, such as ``Trainer.train``."""
    found = None
    for frame in _outward(sys._getframe()):
        name = frame.f_globals.get("__name__", "")
        if name != OF_THE_HANDLER and name.startswith(LIBRARIES):
            found = frame.f_code
    return found


def _outward(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
