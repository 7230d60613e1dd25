"""Trains the run folders on its command line one after the other, in one process.

A folder after ``--stop-at STEP`` is stopped once that step's checkpoint is saved, and then resumed.
One after ``--stop-only STEP`` is left there, and so is one after ``--change STEP``, whose recipe is
overridden by what follows; one after ``--attempt`` ends as it may. These tell how they began and
ended, as a training process does.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from stplay.engine.train import read_data, train
from stplay.engine.worker.lastword import Advice, ending
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.stopsignal import Stopped, StopSignal
from stplay.engine.worker.work import worker_started
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import CheckpointSaved, Event
from stplay.runs.run import Run


class StoppingWriter(EventWriter):
    """Asks for a stop once the checkpoint of a step is saved."""

    def __init__(self, path: Path, stop: StopSignal, step: int | None) -> None:
        super().__init__(path)
        self.stop, self.step = stop, step

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, CheckpointSaved) and event.step == self.step:
            self.stop.requested = True


def train_once(folder: Path, stop_at: int | None = None) -> None:
    run, stop = Run(folder), StopSignal()
    try:
        writer = StoppingWriter(run.events_path, stop, stop_at)
        train(run, writer, stop, read_data(run, Stages(writer)))
    except Stopped:
        assert stop_at is not None
    else:
        assert stop_at is None


def attempt(folder: Path, stop_at: int | None = None, overrides: Sequence[str] = ()) -> None:
    run, stop = Run(folder, overrides), StopSignal()
    writer, error = StoppingWriter(run.events_path, stop, stop_at), None
    writer.write(worker_started())
    try:
        train(run, writer, stop, read_data(run, Stages(writer)))
    except BaseException as raised:
        error = raised
    writer.write(ending(error, folder, Advice("", "")))


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("folders", nargs="*", type=Path)
    options.add_argument("--stop-at", nargs=2, action="append", default=[])
    options.add_argument("--stop-only", nargs=2, action="append", default=[])
    options.add_argument("--change", nargs="+", action="append", default=[])
    options.add_argument("--attempt", action="append", default=[], type=Path)
    chosen = options.parse_args()
    for folder in chosen.folders:
        train_once(folder)
    for step, folder in chosen.stop_at:
        train_once(Path(folder), int(step))
        train_once(Path(folder))
    for step, folder in chosen.stop_only:
        attempt(Path(folder), int(step))
    for step, folder, *overrides in chosen.change:
        attempt(Path(folder), int(step), overrides)
    for folder in chosen.attempt:
        attempt(folder)
