"""Trains the run folders on its command line one after the other, in one process.

A folder after ``--stop-at STEP`` is stopped once that step's checkpoint is saved, and then resumed.
"""

import argparse
from pathlib import Path

from stplay.engine import worker
from stplay.engine.train import train
from stplay.events import CheckpointSaved, Event, EventWriter
from stplay.runs import Run


class StoppingWriter(EventWriter):
    """Asks for a stop once the checkpoint of a step is saved."""

    def __init__(self, path: Path, stop: worker.StopSignal, step: int | None) -> None:
        super().__init__(path)
        self.stop, self.step = stop, step

    def write(self, event: Event) -> None:
        super().write(event)
        if isinstance(event, CheckpointSaved) and event.step == self.step:
            self.stop.requested = True


def train_once(folder: Path, stop_at: int | None = None) -> None:
    run, stop = Run(folder), worker.StopSignal()
    try:
        train(run, StoppingWriter(run.events_path, stop, stop_at), stop)
    except worker.Stopped:
        assert stop_at is not None
    else:
        assert stop_at is None


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("folders", nargs="*", type=Path)
    options.add_argument("--stop-at", nargs=2, action="append", default=[])
    chosen = options.parse_args()
    for folder in chosen.folders:
        train_once(folder)
    for step, folder in chosen.stop_at:
        train_once(Path(folder), int(step))
        train_once(Path(folder))
