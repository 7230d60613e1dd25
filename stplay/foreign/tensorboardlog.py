"""TensorBoard's event files, read by its own reader; a run a folder."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from stplay.errors import UserError
from stplay.foreign.cells import name_of, told
from stplay.jobs.events import Event, MetricsLogged, Noted
from stplay.text import count

if TYPE_CHECKING:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

MARK = ".tfevents."
LOOK_SECONDS = 1.0
MOST_RUNS = 300
MOST_STEP = 1 << 53


def event_folders(folder: Path) -> list[Path]:
    """The folders below ``folder``, or it, that hold event files."""
    try:
        return sorted({path.parent for path in folder.rglob(f"*{MARK}*") if path.is_file()})
    except OSError:
        return []


class TensorBoardLog:
    """Reads all scalars of a folder of event files, or of a folder of such runs, as they come."""

    def __init__(self, folder: Path) -> None:
        """Raises UserError: TensorBoard is not installed."""
        try:
            import tensorboard.backend.event_processing.event_accumulator  # noqa: F401
        except ImportError:
            raise UserError(
                "TensorBoard's event files are read by its own reader, which is not installed; "
                "install it with: pip install 'stplay[tensorboard]'"
            ) from None
        logging.getLogger("tensorboard").setLevel(logging.ERROR)
        self.folder = folder
        self._runs: dict[Path, EventAccumulator] = {}
        self._told: dict[tuple[Path, str], int] = {}
        self._looked = -LOOK_SECONDS
        self._newest = 0.0
        self._noted: set[str] = set()

    def read(self) -> list[Event]:
        """The scalars that came since the last call, those of a step together."""
        now = time.monotonic()
        if now < self._looked + LOOK_SECONDS:
            return []
        self._looked = now
        events: list[Event] = []
        folders = event_folders(self.folder)
        if len(folders) > MOST_RUNS:
            words = f"{count(len(folders))} runs are there; the first {MOST_RUNS} are shown."
            events += self._note(words)
        for folder in folders[:MOST_RUNS]:
            prefix = "" if len(folders) == 1 else f"{folder.relative_to(self.folder).as_posix()}: "
            events += self._scalars(folder, prefix)
        return events

    def _scalars(self, folder: Path, prefix: str) -> Iterator[Event]:
        from tensorboard.backend.event_processing.event_accumulator import (
            SCALARS,
            TENSORS,
            EventAccumulator,
        )

        run = self._runs.get(folder)
        if run is None:
            run = EventAccumulator(str(folder), size_guidance={SCALARS: 0, TENSORS: 0})
            self._runs[folder] = run
        try:
            run.Reload()
            tags = run.Tags()
            scalars = [(tag, run.Scalars(tag)) for tag in tags[SCALARS]]
        except Exception as error:  # a damaged file fails in many ways, none of them declared
            yield from self._note(f"{folder} cannot be read whole: {type(error).__name__}.")
            return
        steps: dict[int, dict[str, float | None]] = {}
        times: dict[int, float] = {}
        epochs: dict[int, float] = {}
        for tag, values in scalars:
            begin = min(self._told.get((folder, tag), 0), len(values))
            self._told[folder, tag] = len(values)
            for each in values[begin:]:
                if not -1 <= each.step <= MOST_STEP:
                    continue
                if tag.rpartition("/")[2] == "epoch" and 0 <= each.value < math.inf:
                    epochs[each.step] = each.value
                else:
                    steps.setdefault(each.step, {})[name_of(f"{prefix}{tag}")] = told(each.value)
                times[each.step] = max(times.get(each.step, 0.0), each.wall_time)
        if tags[TENSORS] and not tags[SCALARS]:
            yield from self._note(f"{folder.name} holds tensors alone, which are not shown.")
        for step in sorted(steps):
            when = times[step] if 0 <= times[step] < 1e11 else 0.0
            self._newest = max(self._newest, when)
            yield MetricsLogged(time=when, step=step, epoch=epochs.get(step), values=steps[step])

    def _note(self, words: str) -> Iterator[Noted]:
        if words not in self._noted:
            self._noted.add(words)
            yield Noted(time=time.time(), level="warning", text=name_of(words))

    def silence(self) -> float | None:
        """Seconds since anything was measured; nothing where the folder is gone."""
        if not self.folder.is_dir():
            return None
        return max(0.0, time.time() - self._newest) if self._newest else 0.0
