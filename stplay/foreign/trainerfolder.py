"""The output folder of a Hugging Face Trainer: its newest state, and what its evaluators wrote."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.foreign.cells import epoch_of, name_of, number, step_of, told
from stplay.foreign.evaluatorcsv import csv_rows, stem_of
from stplay.foreign.segments import MeasuredRow, moved_words, placed
from stplay.foreign.wholefile import WholeFiles, text_of, version_of
from stplay.jobs.events import Event, MetricsLogged, Noted, RunFinished, StageProgressed
from stplay.runs.series import TRAINING_STAGE
from stplay.text import count

STATE = "trainer_state.json"
CHECKPOINT = re.compile(r"checkpoint-\d+")


def newest_state(folder: Path) -> Path | None:
    """The state of the checkpoint that was written last, or of the folder itself."""
    try:
        checkpoints = [each for each in folder.iterdir() if CHECKPOINT.fullmatch(each.name)]
    except (OSError, ValueError):
        return None
    states = {path: version_of(path) for path in (each / STATE for each in [*checkpoints, folder])}
    written = {path: version for path, version in states.items() if version is not None}
    # Several are copied with the same time: then the number tells.
    return max(written, key=lambda path: (written[path][0], _number(path)), default=None)


def _number(state: Path) -> int:
    tail = state.parent.name.rpartition("-")[2]
    return int(tail) if tail.isdecimal() and len(tail) < 16 else -1


def evaluators(folder: Path) -> list[Path]:
    """The CSV files that evaluators wrote there."""
    try:
        return sorted((folder / "eval").glob("*.csv"))
    except OSError:
        return []


def trainer_folder(folder: Path) -> WholeFiles:
    """Reads what a Trainer writes into ``folder``, as checkpoints come."""

    def paths() -> list[Path]:
        state = newest_state(folder)
        return [*evaluators(folder), *([] if state is None else [state])]

    return WholeFiles(paths, _events)


def state_file(path: Path) -> WholeFiles:
    """Reads the one state ``path``, or the CSV of one evaluator."""
    return WholeFiles(lambda: [path], _events)


def _events(paths: list[Path]) -> list[Event]:
    states = [path for path in paths if path.suffix != ".csv"]
    told = [event for path in states for event in state_events(text_of(path), *_of(path))]
    segments = [event.segment for event in told if isinstance(event, MetricsLogged)]
    events: list[Event] = []
    for path in (path for path in paths if path.suffix == ".csv"):
        prefix = f"{stem_of(path.name)}: " if len(paths) > 1 else ""
        shown, written = _of(path)
        rows, moved = placed(csv_rows(text_of(path), shown, prefix), written)
        if states and rows:
            # The last training in it is that of the state.
            newest = rows[-1].segment
            rows = [event for event in rows if event.segment == newest]
            for event in rows:
                event.segment = max(segments, default=0)
            if newest:
                earlier = "an earlier training" if newest == 1 else f"{newest} earlier trainings"
                words = f"{name_of(path.name)} holds {earlier} too, left out here; watch it alone."
                events.append(Noted(time=written, level="info", text=words))
        if moved:
            events.append(Noted(time=written, level="info", text=moved_words(moved)))
        events += rows
    return [*events, *told]


def _of(path: Path) -> tuple[str, float]:
    """What a file is called, and when it was written."""
    version = version_of(path)
    return str(path), version[0] / 1e9 if version else 0.0


def state_events(text: str, shown: str, written: float) -> list[Event]:
    """What the ``trainer_state.json`` called ``shown`` tells, which was ``written`` at that time.

    Raises:
        UserError: it is none.
    """
    try:
        state = msgspec.json.decode(_standard(text))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise UserError(f"{shown} is damaged: it is no whole JSON.") from None
    history = state.get("log_history") if isinstance(state, dict) else None
    if not isinstance(history, list):
        raise UserError(f"{shown} is no state of a Trainer: it has no log_history.")
    assert isinstance(state, dict)
    rows = list(_rows(history))
    events, moved = placed(rows, written)
    found: list[Event] = [*events]
    if moved:
        found.append(Noted(time=written, level="info", text=moved_words(moved)))
    if odd := len(history) - len(rows):
        word = "entry" if odd == 1 else "entries"
        words = f"{count(odd)} {word} of the history without a step left out."
        found.append(Noted(time=written, level="warning", text=words))
    step, total = step_of(state.get("global_step")), step_of(state.get("max_steps"))
    total = total if total and total > 0 else None
    if step is not None and step >= 0:
        stage = StageProgressed(
            time=written, stage=TRAINING_STAGE, done=step, total=total, unit="steps"
        )
        found.append(stage)
        if (total and step >= total) or _told_to_stop(state):
            found.append(RunFinished(time=written, outcome="completed", exit_code=FINISHED))
    return found


def _rows(history: list[object]) -> Iterator[MeasuredRow]:
    for entry in history:
        if not isinstance(entry, dict) or (step := step_of(entry.get("step"))) is None:
            continue
        values = {
            name_of(str(name)): told(value)
            for name, each in entry.items()
            if name not in ("step", "epoch") and (value := number(each)) is not None
        }
        yield MeasuredRow(step, epoch_of(entry.get("epoch")), values)


def _told_to_stop(state: dict[object, object]) -> bool:
    """Whether the Trainer had decided to end, as it does when it stops early too."""
    found: object = state
    for name in ("stateful_callbacks", "TrainerControl", "args", "should_training_stop"):
        found = found.get(name) if isinstance(found, dict) else None
    return found is True


_NOT_JSON = re.compile(r'("(?:[^"\\]|\\.)*")|(-?Infinity|NaN)')


def _standard(text: str) -> str:
    """JSON as the standard has it: Python writes what is no number as ``NaN``."""
    if "NaN" not in text and "Infinity" not in text:
        return text
    return _NOT_JSON.sub(lambda found: found[1] or f'"{found[2].replace("Infinity", "inf")}"', text)
