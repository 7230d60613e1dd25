"""The work of a process of ours, done from its first word to its last."""

from __future__ import annotations

import platform
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil

from stplay.engine.worker.device import DeviceWish, choose_gpu, settle_device
from stplay.engine.worker.eventsink import EventSink, note
from stplay.engine.worker.heartbeat import Heartbeat
from stplay.engine.worker.lastword import Advice, last_word, print_error
from stplay.engine.worker.libraries import import_libraries, quiet_libraries
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.stopsignal import Stopped, StopSignal
from stplay.errors import UserError
from stplay.jobs.events import Noted, WorkerStarted

Read = TypeVar("Read")


def perform(
    events: EventSink,
    folder: Path,
    read: Callable[[Stages], Read],
    work: Callable[[EventSink, StopSignal, Read], None],
    clean_up: Callable[[], None],
    advice: Advice,
    device: Callable[[], DeviceWish] = DeviceWish,
) -> int:
    """Do ``work``, tell all of it as ``events``, and return the exit code.

    ``read`` comes first and is given to ``work``: it needs none of the libraries, whose import
    takes seconds that a mistake in a file need not cost.

    It is done on the ``device`` that is wished for. Where it fails or is stopped, ``clean_up`` is
    called before the last word.
    """
    stop = StopSignal()
    heartbeat = Heartbeat(events, folder)
    error: BaseException | None = None
    try:
        try:
            events.write(worker_started())
            quiet_libraries()
            wish = device()
            heartbeat.gpus = choose_gpu(wish)
            heartbeat.start()
            stop.deferred = False
            stop.check()
            found = read(Stages(events))
            stop.deferred = True  # an import is not broken off
            import_libraries(Stages(events), stop)
            if told := settle_device(wish):
                note(events, told)
            stop.deferred = False
            stop.check()
            work(events, stop, found)
        finally:
            stop.deferred = True  # the last word is said, come what may
    except BaseException as raised:  # whatever it is, the log tells it
        error = raised
        if stop.raised and not isinstance(raised, (Stopped, UserError)):
            print_error(raised)  # a library's word for being interrupted
            error = Stopped()
    finished = last_word(error, folder, advice)
    if error is not None:
        _tidy_up(clean_up, events)
    heartbeat.end()
    try:
        if stop.warning and finished.outcome == "stopped":
            events.write(Noted(level="info", text=f"Stopped by {stop.warning}."))
        events.write(finished)
    except (OSError, UserError) as unsaid:  # readers will find the process gone
        print_error(unsaid)
    return finished.exit_code


def worker_started() -> WorkerStarted:
    """The event that names this process."""
    process = psutil.Process()
    return WorkerStarted(
        host=platform.node(), pid=process.pid, process_started=process.create_time()
    )


def _tidy_up(clean_up: Callable[[], None], events: EventSink) -> None:
    """Remove what did not come to its end; where that fails, the last word is still to be said."""
    try:
        clean_up()
    except BaseException as error:
        print_error(error)
        with suppress(OSError, UserError):
            told = traceback.format_exception_only(error)[-1].strip()
            note(events, f"What the work has left could not be tidied up: {told}")
