"""What a process of ours is to its machine: its name, its heartbeat, its signals, its death."""

from __future__ import annotations

import errno
import gc
import os
import platform
import shutil
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

import psutil

from stplay import __version__, exitcodes
from stplay.engine.worker.stages import Stages, Writes
from stplay.errors import UserError
from stplay.jobs import interrupts
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted, RunFinished, StageProgressed, SystemSampled, WorkerStarted

if TYPE_CHECKING:
    import torch

HEARTBEAT_SECONDS = 2.0
LIBRARIES = ("torch", "datasets", "transformers", "sentence_transformers")


class Advice(NamedTuple):
    """What to do when a resource of the machine runs out, as the end of a sentence."""

    disk_full: str
    out_of_memory: str


def perform(
    events: EventWriter,
    folder: Path,
    work: Callable[[EventWriter, StopSignal], None],
    clean_up: Callable[[], None],
    advice: Advice,
    use_cpu: Callable[[], bool] = lambda: False,
) -> int:
    """Do ``work``, tell all of it as ``events``, and return the exit code.

    Where it fails or is stopped, ``clean_up`` is called before the last word.
    """
    stop = StopSignal()
    heartbeat = Heartbeat(events)
    error: BaseException | None = None
    try:
        try:
            events.write(worker_started())
            heartbeat.start()
            quiet_libraries()
            choose_gpu(use_cpu=use_cpu())
            import_libraries(Stages(events), stop)
            stop.deferred = False
            stop.check()
            work(events, stop)
        finally:
            stop.deferred = True  # the last word is said, come what may
    except BaseException as raised:  # whatever it is, the log tells it
        error = raised
        if stop.raised and not isinstance(raised, (Stopped, UserError)):
            print_error(raised)  # a library's word for being interrupted
            error = Stopped()
    finished = last_word(error, folder, advice)
    if error is not None:
        tidy_up(clean_up, events)
    heartbeat.end()
    try:
        if stop.warning and finished.outcome == "stopped":
            events.write(Noted(level="info", text=f"Stopped by {stop.warning}."))
        events.write(finished)
    except OSError as full:  # readers will find the process gone, and the log of its output
        print_error(full)
    return finished.exit_code


def tidy_up(clean_up: Callable[[], None], events: Writes) -> None:
    """Remove what did not come to its end; where that fails, the last word is still to be said."""
    try:
        clean_up()
    except BaseException as error:
        print_error(error)
        with suppress(OSError):
            told = traceback.format_exception_only(error)[-1].strip()
            note(events, f"What the work has left could not be tidied up: {told}")


def last_word(error: BaseException | None, folder: Path, advice: Advice) -> RunFinished:
    """``ending``, or as much of it as can be told where the telling itself fails."""
    try:
        return ending(error, folder, advice)
    except BaseException as fault:
        print_error(fault)
        return RunFinished(outcome="failed", exit_code=exitcodes.FAILED, error=type(error).__name__)


def print_error(error: BaseException) -> None:
    """Tell the log of the output; where the disk is full or it is closed, nothing can be done."""
    with suppress(Exception):
        traceback.print_exception(error)
        sys.stderr.flush()


def import_libraries(stages: Stages, stop: StopSignal) -> None:
    """Import the libraries, which takes seconds, one stage step each.

    Raises:
        Stopped: a stop was asked for; an import is not broken off, as none survives that.
    """
    for done, name in enumerate(LIBRARIES):
        stop.check()
        stages.events.write(_importing(name, done))
        import_quickly(name)
    stages.events.write(_importing("", len(LIBRARIES)))
    # Their own bars would fill the log: the events tell the progress.
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()


def import_quickly(name: str) -> None:
    """Import a library; Python would look for garbage a sixth of the time, and there is none."""
    gc.disable()
    try:
        import_module(name)
    finally:
        gc.freeze()
        gc.enable()


def _importing(name: str, done: int) -> StageProgressed:
    stage = f"importing {name}" if name else "importing"
    return StageProgressed(stage=stage, done=done, total=len(LIBRARIES), unit="libraries")


class Stopped(BaseException):
    """A stop was asked for where there is no step to finish first."""


class StopSignal:
    """Turns what asks to stop into ``Stopped``, or, while ``deferred``, into ``requested``.

    A terminal that is closed and a reader that goes away do not stop the work. ``warning`` is the
    name of the signal, where it is not one that a person sends.
    """

    def __init__(self) -> None:
        self.requested = False
        self.deferred = True
        self.raised = False
        self.warning: str | None = None
        interrupts.handle_stopping(self._receive)
        for number in interrupts.numbers((interrupts.HANG_UP, "SIGPIPE")):
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if number not in (signal.SIGTERM, signal.SIGINT):
            self.warning = signal.Signals(number).name
        self.requested = True
        if not self.deferred:
            self.deferred = self.raised = True
            raise Stopped

    def check(self) -> None:
        """Raise ``Stopped`` where a stop was asked for."""
        if self.requested:
            raise Stopped


def worker_started() -> WorkerStarted:
    """The event that names this process."""
    process = psutil.Process()
    return WorkerStarted(
        host=platform.node(), pid=process.pid, process_started=process.create_time()
    )


class Heartbeat(threading.Thread):
    """Writes a ``SystemSampled`` event every two seconds."""

    def __init__(self, events: EventWriter) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self.events = events
        self._end = threading.Event()

    def run(self) -> None:
        """Sample until ``end`` is called."""
        process = psutil.Process()
        process.cpu_percent()
        while not self._end.wait(HEARTBEAT_SECONDS):
            try:
                self.events.write(self._sample(process))
            except Exception:  # a full disk is told by the step that needs it; the heart beats on
                continue

    def _sample(self, process: psutil.Process) -> SystemSampled:
        gpu_percent, gpu_memory = _gpu()
        return SystemSampled(
            cpu_percent=process.cpu_percent(),
            memory_bytes=process.memory_info().rss,
            gpu_percent=gpu_percent,
            gpu_memory_bytes=gpu_memory,
        )

    def end(self) -> None:
        """Stop sampling; returns when nothing more is written."""
        self._end.set()
        if self.is_alive():
            self.join()


def _gpu() -> tuple[float | None, int | None]:
    # Asked of torch only once the training has brought it up: the import alone takes seconds.
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "cuda") or not torch.cuda.is_initialized():
        return None, None
    try:
        memory = torch.cuda.memory_reserved()
    except Exception:  # a GPU that failed ends the training, not the heartbeat
        return None, None
    try:
        return float(torch.cuda.utilization()), memory
    except Exception:  # without the vendor's library there is no utilization to tell
        return None, memory


def ending(error: BaseException | None, folder: Path, advice: Advice) -> RunFinished:
    """How a process that ended with ``error``, or without one, has ended.

    To be asked before anything is removed: a full disk is told by the room that is left.
    """
    match error:
        case None:
            return RunFinished(outcome="completed", exit_code=exitcodes.FINISHED)
        case Stopped():
            return RunFinished(outcome="stopped", exit_code=exitcodes.INTERRUPTED)
    sentence = user_sentence(error, folder, advice)
    details = "".join(traceback.format_exception(error))
    if not isinstance(error, UserError):
        print_error(error)
    if sentence is not None:
        return RunFinished(outcome="failed", exit_code=exitcodes.WRONG_INPUT, error=sentence)
    summary = traceback.format_exception_only(error)[0].strip().rstrip(":")
    return RunFinished(outcome="failed", exit_code=exitcodes.FAILED, error=summary, details=details)


def user_sentence(error: BaseException, folder: Path, advice: Advice) -> str | None:
    """What a user can do about ``error``, in one sentence; ``None`` where it is a fault of ours."""
    if isinstance(error, UserError):
        return error.sentence
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    if any(_is_disk_full(link, folder) for link in chain):
        return f"The disk of {folder} is full; {advice.disk_full}"
    if any(is_out_of_memory(link) for link in chain):
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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether ``error`` says that memory, a GPU's or the machine's, ran out."""
    text = str(error)
    return (
        isinstance(error, MemoryError) or "out of memory" in text or "can't allocate memory" in text
    )


def note(events: Writes, text: str) -> None:
    """Write a warning into the log."""
    events.write(Noted(level="warning", text=text))


def choose_gpu(*, use_cpu: bool) -> None:
    """Show the libraries the first visible GPU, or none; to be called before torch is imported.

    With several, the library's trainer would split each batch among them: its steps would no
    longer be the recipe's, and the cached loss would replay its dropout on the first one only.
    """
    visible = "" if use_cpu else os.environ.get("CUDA_VISIBLE_DEVICES", "0")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.partition(",")[0]


def quiet_libraries() -> None:
    """Keep the libraries' own progress bars out of the log, and idle threads off the cores.

    To be called before torch is imported: it is then that its threads learn how to wait.
    """
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    # Beside another process, threads that spin while they wait take up to 20 times as long; alone,
    # those that never do take a fifth longer. GNU's, of which torch on Linux has its own, do a bit.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")


def device_name(device: torch.device) -> str:
    """The device's name as people know it."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return f"CPU, {torch.get_num_threads()} threads"
    return device.type.upper()


def versions() -> dict[str, str]:
    """The versions that decide what is computed."""
    packages = ("torch", "transformers", "sentence-transformers", "datasets", "tokenizers")
    return {
        "stplay": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }
