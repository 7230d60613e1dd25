"""The launcher of a training in several processes: torchrun, with a last word of its own.

``python -m stplay.engine.launch RUN_FOLDER OPTIONS -- [OVERRIDE ...]`` takes the options of
``torchrun`` and starts ``python -m stplay.engine.train`` as often as they say. Of several machines,
the launcher of the first owns the lock and the log of the run.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType

import psutil

from stplay import lines
from stplay.engine.worker.lastword import print_error
from stplay.engine.worker.place import LAUNCHER, STOPPING
from stplay.engine.worker.rankwords import last_word_of_all, taken_words
from stplay.engine.worker.soleworker import as_sole_worker
from stplay.engine.worker.stopsignal import Stopped, StopSignal
from stplay.engine.worker.work import worker_started
from stplay.errors import UserError
from stplay.exitcodes import FAILED, FINISHED, INTERRUPTED
from stplay.jobs import interrupts
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted, RunFinished, StageProgressed
from stplay.runs.run import Run
from stplay.runs.torchrun import OVERRIDES
from stplay.text import printable

FIRST = "--node-rank=0"


class PassedOn(StopSignal):
    """Passes what asks to stop on to the processes that train; where there are none, stops."""

    def __init__(self) -> None:
        super().__init__()
        for number in interrupts.numbers((interrupts.HANG_UP,)):  # what is ignored is inherited
            signal.signal(number, lambda number, frame: None)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        os.environ[STOPPING] = "1"  # for those that torchrun may yet start again
        training = psutil.Process().children()
        for each in training:
            with suppress(psutil.Error):
                each.terminate()  # which signal it was is told here
        self.deferred = bool(training)
        super()._receive(number, frame)


def main() -> int:
    """Launch the run of the command line."""
    folder, *options = sys.argv[1:]
    at = options.index(OVERRIDES)
    run, options = Run(Path(folder), options[at + 1 :]), options[:at]
    if any(option.startswith("--node-rank=") and option != FIRST for option in options):
        return take_part(run, options)
    return as_sole_worker(run, lambda: launch(run, options))


def take_part(run: Run, options: list[str]) -> int:
    """Start the processes of a machine that is not the first; returns the exit code."""
    try:
        return FAILED if _launch(run, options, PassedOn()) else FINISHED
    except Stopped:
        return INTERRUPTED


def launch(run: Run, options: list[str]) -> int:
    """Start the processes that train ``run`` by torchrun's ``options``; returns the exit code."""
    taken_words(run.folder)  # of a launcher that was killed
    stop, events = PassedOn(), EventWriter(run.events_path)
    events.write(worker_started())
    events.write(StageProgressed(stage="starting the processes"))
    finished = _finished(run, options, stop)
    if stop.warning and finished.outcome == "stopped":
        events.write(Noted(level="info", text=f"Stopped by {stop.warning}."))
    events.write(finished)
    return finished.exit_code


def _finished(run: Run, options: list[str], stop: StopSignal) -> RunFinished:
    codes: dict[int, int] = {}
    try:
        codes = _launch(run, options, stop)
    except Stopped:
        pass
    except UserError as error:
        return RunFinished(outcome="failed", exit_code=error.exit_code, error=error.sentence)
    except BaseException as error:  # of torchrun itself
        print_error(error)
        told = lines.split(str(error) or type(error).__name__)[0]
        failure = f"torchrun could not start the processes: {printable(told)}"
        return RunFinished(outcome="failed", exit_code=FAILED, error=failure)
    finally:
        stop.deferred = True
    words = taken_words(run.folder)
    return last_word_of_all(words, codes, run.advice, was_asked=stop.requested)


def _launch(run: Run, options: list[str], stop: StopSignal) -> dict[int, int]:
    """The exit codes of those processes that failed, by their ranks.

    Raises:
        UserError: there is to be one for each GPU, and torch can use none.
        Stopped: a stop was asked for before they were there.
    """
    import torch
    from torch.distributed import run as torchrun
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    command = [sys.executable, "-m", "stplay.engine.train", *run.arguments]
    arguments = torchrun.parse_args([*options, "--no-python", *command])
    if arguments.nproc_per_node == "gpu" and not torch.cuda.is_available():
        raise UserError(
            "--nproc-per-node gpu takes as many processes as there are GPUs, and torch can use "
            "none here; a number trains on the CPU."
        )
    # What asks to stop is ours to pass on: torchrun would kill them half a minute later.
    arguments.signals_to_handle = "SIGQUIT"
    os.environ[LAUNCHER] = str(os.getpid())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    processes = torchrun.determine_local_world_size(arguments.nproc_per_node)
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (cores or 1) // processes)))
    stop.deferred = False
    stop.check()
    try:
        torchrun.run(arguments)
    except ChildFailedError as error:
        return {rank: failure.exitcode for rank, failure in error.failures.items()}
    return {}


if __name__ == "__main__":
    sys.exit(main())
