"""A log is foreign: whatever stands in it, it is read, folded, listed and shown."""

from __future__ import annotations

import contextlib
import io
import json
import math
import tracemalloc
from pathlib import Path

import msgspec
import pytest
from allevents import EVENTS as TOLD
from hypothesis import HealthCheck, example, given, settings
from piloting import caught_up, eventually, settle
from sampleevaluation import finished_evaluation
from samplerun import finished_run
from wildlogs import WILD, examples, logs

from stplay.cli import probesreport, runlisting
from stplay.cli.console import SafeConsole
from stplay.cli.evaluationreport import EvaluationProgress
from stplay.cli.main import parser
from stplay.cli.trainingview import PlainView, TerminalView
from stplay.errors import UserError
from stplay.evaluations.evaluation import EvaluationLog
from stplay.jobs import folders
from stplay.jobs.eventlog import MOST_LINE_BYTES, EventReader, EventWriter, decode_events
from stplay.jobs.events import (
    CheckpointSaved,
    Damaged,
    Event,
    Replaced,
    RunFinished,
    RunResumed,
    RunStarted,
    TrainLogged,
    Unknown,
    WorkerStarted,
)
from stplay.jobs.worklog import REPLACED, WorkLog
from stplay.quantities import MOST_CHARACTERS
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog
from stplay.screens.app import StplayApp
from stplay.screens.evaluate.evaluationwatch import EvaluationWatch
from stplay.screens.train.runview import RunView
from stplay.screens.train.trainscreen import TrainScreen
from stplay.text import MOST_SHOWN, printable_lines

ABSURD = b"""\
{"type":"WorkerStarted","time":1e308,"host":"h","pid":-1,"process_started":1e308}
{"type":"StageProgressed","time":1e308,"stage":"training","done":0,"total":0}
{"type":"TrainLogged","time":1e308,"step":1,"epoch":1e308,"loss":1e308,"learning_rate":1e308}
"""

repeatable = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


@repeatable
@given(text=logs)
@example(text=ABSURD)
def test_whatever_stands_in_a_log_is_shown_without_the_app(home: Path, text: bytes):
    events, _ = decode_events(text)
    log, evaluation = TrainingLog(), EvaluationLog()
    shown = io.StringIO()
    terminal = TerminalView(
        "run", SafeConsole(file=shown, force_terminal=True, width=80, height=24)
    )
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        plain, progress = PlainView(), EvaluationProgress()
        for event in events:
            for each in (log, evaluation):
                each.apply(event)
                left = each.seconds_left()
                assert left is None or math.isfinite(left)
            assert all(finite(getattr(event, name)) for name in event.__struct_fields__)
            plain.show(log, [event], b"")
            progress.show(evaluation, [event], b"")
        terminal.show(log, events, text)
        for view in (plain, terminal, progress):
            view.close()
    assert all(cell for row in log.table() for cell in row.cells())


@repeatable
@given(text=logs)
@example(text=ABSURD)
def test_whatever_stands_in_a_log_is_listed(home: Path, text: bytes):
    run = Run(home / "data" / "runs" / "mine")
    run.folder.mkdir(parents=True, exist_ok=True)
    run.events_path.write_bytes(text)
    with contextlib.redirect_stdout(io.StringIO()) as shown:
        for name in ([], ["mine"]):  # all of them, and the series of this one
            runlisting.list_runs(parser().parse_args(["runs", *name]))
        with contextlib.suppress(UserError):  # there are none
            probesreport.show(run, None, "table")
    assert "mine" in shown.getvalue()
    assert printable_lines(shown.getvalue()) == shown.getvalue()
    for path in folders.checkpoints(run.folder).values():
        assert path.resolve().is_relative_to(run.folder)


BEGUN = [event for event in TOLD if isinstance(event, WorkerStarted | RunStarted)]


def lines_of(event: Event) -> bytes:
    """``event`` with each wild value in each of its fields, one after the other."""
    fields = {name: json.dumps(value) for name, value in msgspec.to_builtins(event).items()}
    changed = [
        {**fields, name: value}
        for name in (*event.__struct_fields__, "unheard of")
        for value in WILD
    ]
    lines = [",".join(f'"{name}":{value}' for name, value in each.items()) for each in changed]
    return b"".join(f"{{{each}}}\n".encode() for each in lines)


# What any number of the library's may be; all others are counts, shares, or measures.
ANY_NUMBER = {"loss", "learning_rate", "gradient_norm"}
MOST = {"pid": (1 << 31) - 1, "exit_code": 255, "time": 1e11, "process_started": 1e11}


def assert_within_bounds(fields: dict[str, object]) -> None:
    for name, value in fields.items():
        if isinstance(value, str):
            assert len(value) <= 1 << 24
        if name in ANY_NUMBER or isinstance(value, bool) or not isinstance(value, (int, float)):
            continue
        assert value >= (-1 if name == "step" else 0), name
        most = 1 if name.endswith("accuracy") else 1e30 if isinstance(value, float) else 1 << 53
        assert value <= MOST.get(name, most), name


@pytest.mark.parametrize("event", TOLD, ids=lambda event: type(event).__name__)
def test_each_field_takes_what_can_be_and_no_more(home: Path, event: Event):
    text = lines_of(event)
    found, _ = decode_events(text)
    assert len(found) == text.count(b"\n")
    assert {type(each) for each in found} <= {type(event), Damaged, Unknown}
    assert sum(isinstance(each, Damaged) for each in found) > len(WILD) / 3
    for each in found:
        if isinstance(each, type(event)):
            assert_within_bounds(msgspec.structs.asdict(each))
            assert decode_events(msgspec.json.encode(each) + b"\n")[0] == [each]


async def test_whatever_stands_in_a_log_is_shown_in_the_app(home: Path):
    run = finished_run("mine")
    evaluation = finished_evaluation("found")
    app = StplayApp()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        screen = app.screen
        assert isinstance(screen, TrainScreen)
        watch = EvaluationWatch()
        await screen.room.mount(watch)
        for text in [ABSURD, *examples(logs, 12)]:
            run.events_path.write_bytes(text)
            evaluation.events_path.write_bytes(text)
            await screen.show_run(run)
            view = screen.query_one(RunView)
            watch.open(evaluation)
            await eventually(pilot, lambda view=view: caught_up(view))
            await pilot.pause()
            assert app.screen is screen, text
        # Each value on its own, as a log that grows is shown after each of its events.
        view = screen.query_one(RunView)
        for told in TOLD:
            view.job_log, watch.job_log = TrainingLog(), EvaluationLog()
            for event in [*BEGUN, *decode_events(lines_of(told))[0]]:
                view.job_log.apply(event)
                view.refresh_view()
                watch.job_log.apply(event)
                watch.refresh_view()
            await pilot.pause()
            assert app.screen is screen, told


def test_a_line_that_never_ends_takes_little_memory_and_is_told_once(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    first, last = b'{"type":"RunResumed","step":1}\n', b'{"type":"RunResumed","step":2}\n'
    with path.open("wb") as file:
        file.write(first + b'{"type":"')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
    reader = EventReader(path)
    tracemalloc.start()
    found = [type(event) for events in iter(reader.read, []) for event in events]
    assert found == [RunResumed, Damaged]
    assert tracemalloc.get_traced_memory()[1] < 3 * MOST_LINE_BYTES
    tracemalloc.stop()
    assert reader.read() == []
    with path.open("ab") as file:
        file.write(b'xx"}\n' + last)
    (event,) = reader.read()
    assert isinstance(event, RunResumed)
    assert event.step == 2


def test_a_log_that_was_replaced_is_read_from_its_start(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    for step in range(1, 9):
        writer.write(TrainLogged(step=step, epoch=0.5, loss=1.0, learning_rate=1.0))
    reader, log = EventReader(path), TrainingLog()
    for event in reader.read():
        log.apply(event)
    path.write_bytes(b'{"type":"TrainLogged","step":3,"epoch":1,"loss":2,"learning_rate":1}\n')
    events = [event for events in iter(reader.read, []) for event in events]
    for event in events:
        log.apply(event)
    assert [type(event) for event in events] == [Replaced, TrainLogged]
    assert list(log.rows) == [3]
    assert [note.text for note in log.notes] == [REPLACED]


@pytest.mark.parametrize(
    "path", ["/etc", "../x", "a/../../b", "a/..", "..", "C:\\x", "", "a\0", "é" * 99, "a" * 201]
)
def test_a_checkpoint_lies_in_the_folder_of_its_run(path: str):
    saved = CheckpointSaved(step=1, path=path, kept=1, disk_bytes=1)
    (found,) = decode_events(msgspec.json.encode(saved) + b"\n")[0]
    assert isinstance(found, Damaged)


def test_what_a_process_says_is_always_read(tmp_path: Path):
    story = "x" * (MOST_CHARACTERS + 9)
    writer = EventWriter(tmp_path / "events.jsonl")
    writer.write(RunFinished(outcome="failed", exit_code=1, error=story, details=story + "end"))
    (found,) = EventReader(tmp_path / "events.jsonl").read()
    assert isinstance(found, RunFinished)
    assert found.details is not None
    assert found.details.endswith("end")
    log = WorkLog()
    log.apply(found)
    assert log.error is not None
    assert len(log.error) <= MOST_SHOWN
