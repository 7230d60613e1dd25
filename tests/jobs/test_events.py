"""The event log: what is written is read, and nothing that goes wrong stops the reader."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from allevents import EVENTS

from stplay.jobs.eventlog import EventReader, EventWriter, decode_events
from stplay.jobs.events import (
    SCHEMA_VERSION,
    Damaged,
    Event,
    KnownEvent,
    Noted,
    RunResumed,
    StageProgressed,
    TrainLogged,
    Unknown,
)


def write(path: Path, *events: Event) -> None:
    writer = EventWriter(path)
    for event in events:
        writer.write(event)
    writer.close()


def read_all(path: Path, piece: int = 1 << 22) -> list[Event]:
    reader, found = EventReader(path, piece=piece), []
    while events := reader.read():
        found += events
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_every_event_comes_back_as_it_was_written(log: Path):
    assert {type(event) for event in EVENTS} == set(get_args(KnownEvent)), "an event lacks a test"
    write(log, *EVENTS)
    assert read_all(log) == EVENTS
    assert log.read_bytes().count(b"\n") == len(EVENTS), "an event is more than one line"


def test_a_line_tells_its_type_and_a_start_its_schema(log: Path):
    write(log, *EVENTS)
    lines = [json.loads(line) for line in log.read_bytes().splitlines()]
    assert [line["type"] for line in lines] == [type(event).__name__ for event in EVENTS]
    assert all(line["time"] == event.time for line, event in zip(lines, EVENTS, strict=True))
    (started,) = (line for line in lines if line["type"] == "RunStarted")
    assert started["schema"] == SCHEMA_VERSION


def test_the_time_is_that_of_the_event(log: Path):
    first, second = Noted(level="info", text="a"), Noted(level="info", text="b", time=5.0)
    assert first.time > 1.7e9
    write(log, first, second)
    assert [event.time for event in read_all(log)] == [first.time, 5.0]


def test_an_event_of_a_newer_version_is_kept(log: Path):
    fields = {"type": "DreamsEncoded", "time": 7.5, "step": 5, "vectors": [[1.5, -2.0]]}
    log.write_text(json.dumps(fields) + "\n")
    write(log, RunResumed(step=1))
    unknown, known = read_all(log)
    assert isinstance(unknown, Unknown)
    assert (unknown.name, unknown.fields) == ("DreamsEncoded", fields)
    assert known == RunResumed(step=1, time=known.time)


def test_a_new_field_of_a_known_event_does_no_harm():
    events, _ = decode_events(b'{"type":"RunResumed","time":1.0,"step":5,"why":"new"}\n')
    assert events == [RunResumed(step=5, time=1.0)]


@pytest.mark.parametrize(
    "line",
    [
        b"Traceback (most recent call last):",
        b"\x00" * 64,
        b"\xff\xfe{}",
        b'{"type":"Noted","level":"info","text":"\xff"}',
        b'{"type":"Future","text":"\xff"}',
        b"[1, 2]",
        b'"text"',
        b"{}",
        b'{"type":5}',
        b'{"type":"RunResumed","time":1.0}',
        b'{"type":"RunResumed","time":1.0,"step":"5"}',
        b'{"type":"Noted","level":"loud","text":"a"}',
        b'{"type":"RunResumed","time":1.0,"step":5',
        b'{"type":"RunResumed","step":1}{"type":"RunResumed","step":2}',
        b'{"type":"Future","step":1' + b"0" * 5000 + b"}",
        b"[" * 100_000,
        b'{"type":"Future","a":' * 5_000,
    ],
)
def test_a_damaged_line_is_told_and_does_not_stop_the_reader(log: Path, line: bytes):
    write(log, EVENTS[0])
    with log.open("ab") as file:
        file.write(line + b"\n")
    write(log, EVENTS[1])
    before, damaged, after = read_all(log)
    assert (before, after) == (EVENTS[0], EVENTS[1])
    assert isinstance(damaged, Damaged)
    assert damaged.line == line


def test_a_half_written_line_is_waited_for(log: Path):
    write(log, RunResumed(step=1))
    reader = EventReader(log)
    assert len(reader.read()) == 1
    begun = reader.offset
    line = b'{"type":"Noted","time":1.0,"level":"info","text":"\xc3\xa9"}\n'
    for end in range(len(line)):
        with log.open("ab") as file:
            file.write(line[end : end + 1])
        if end < len(line) - 1:
            assert reader.read() == []
            assert (reader.offset, reader.text) == (begun, b"")
    assert reader.read() == [Noted(level="info", text="é", time=1.0)]
    assert (reader.offset, reader.text) == (begun + len(line), line)
    assert reader.read() == []


@pytest.mark.parametrize(
    "torn", [b'{"type":"TrainLogged","st', b'{"type":"Noted","text":"\xc3', b"x"]
)
def test_a_writer_after_a_torn_line_starts_a_new_one(log: Path, torn: bytes):
    write(log, RunResumed(step=1, time=1.0))
    with log.open("ab") as file:
        file.write(torn)
    write(log, RunResumed(step=2, time=2.0), RunResumed(step=3, time=3.0))
    first, damaged, *others = read_all(log)
    assert first == RunResumed(step=1, time=1.0)
    assert isinstance(damaged, Damaged)
    assert damaged.line == torn
    assert others == [RunResumed(step=2, time=2.0), RunResumed(step=3, time=3.0)]
    assert b"\n\n" not in log.read_bytes()


def test_a_writer_adds_nothing_to_a_whole_log(log: Path):
    write(log, RunResumed(step=1))
    before = log.read_bytes()
    write(log)
    assert log.read_bytes() == before
    write(log, RunResumed(step=2))
    assert log.read_bytes().startswith(before + b"{")


def test_a_full_disk_spoils_one_line_only(log: Path):
    # A limit on the size of files does what a full disk does: a short write, then an error.
    code = """
import resource, signal, sys
from pathlib import Path
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted
writer = EventWriter(Path(sys.argv[1]))
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
failed = 0
for number in range(30):
    try:
        writer.write(Noted(level="info", text=f"before {number}"))
    except OSError:
        failed += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
for number in range(3):
    writer.write(Noted(level="info", text=f"after {number}"))
print(failed)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(log)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    failed = int(done.stdout)
    assert failed >= 10
    events = read_all(log)
    assert [type(event) for event in events].count(Damaged) <= 1
    texts = [event.text for event in events if isinstance(event, Noted)]
    assert texts == [f"before {n}" for n in range(30 - failed)] + [f"after {n}" for n in range(3)]


def test_threads_and_processes_append_whole_lines(log: Path):
    processes, threads, lines = 3, 3, 150
    code = """
import sys, threading
from pathlib import Path
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted
path, process, threads, lines = sys.argv[1], *map(int, sys.argv[2:])
writer = EventWriter(Path(path))
def work(thread):
    for number in range(lines):
        filling = "é" * (number * 37 % 5000)
        writer.write(Noted(level="info", text=f"{process} {thread} {number} {filling}"))
workers = [threading.Thread(target=work, args=[thread]) for thread in range(threads)]
print("ready", flush=True)
sys.stdin.readline()
for worker in workers: worker.start()
for worker in workers: worker.join()
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(log), str(process), str(threads), str(lines)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for process in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    for process in started:
        process.communicate(b"go\n", timeout=60)
        assert process.returncode == 0

    wanted = {(p, t): list(range(lines)) for p in range(processes) for t in range(threads)}
    found: dict[tuple[int, int], list[int]] = {key: [] for key in wanted}
    for event in read_all(log):
        assert isinstance(event, Noted)
        process, thread, number, filling = event.text.split(" ")
        assert filling == "é" * (int(number) * 37 % 5000)
        found[int(process), int(thread)].append(int(number))
    assert found == wanted


def test_a_loss_that_is_no_number_is_told_as_absent(log: Path):
    write(
        log,
        TrainLogged(step=1, epoch=0.1, loss=math.nan, learning_rate=1e-5, gradient_norm=math.nan),
        TrainLogged(step=2, epoch=0.2, loss=math.inf, learning_rate=1e-5, gradient_norm=math.inf),
    )
    assert b"NaN" not in log.read_bytes(), "NaN is no JSON"
    first, second = read_all(log)
    assert isinstance(first, TrainLogged)
    assert isinstance(second, TrainLogged)
    assert (first.step, first.loss, first.gradient_norm) == (1, None, None)
    assert (second.step, second.loss, second.gradient_norm) == (2, None, None)


@pytest.mark.parametrize("piece", [1, 7, 64, 1000, 1 << 22])
def test_pieces_of_any_size_make_the_same_events(log: Path, piece: int):
    write(log, *EVENTS)
    reader = EventReader(log, piece=piece)
    events: list[Event] = []
    text, offsets = b"", [0]
    while found := reader.read():
        events += found
        text += reader.text
        offsets.append(reader.offset)
        assert decode_events(reader.text) == (found, len(reader.text))
    assert events == EVENTS
    assert text == log.read_bytes()
    assert offsets[-1] == len(text)
    assert all(begin < end for begin, end in pairwise(offsets))
    if piece < 64:
        assert len(offsets) == len(EVENTS) + 1, "more was read at a time than was asked for"


def test_a_reader_goes_on_from_the_offset_of_another(log: Path):
    write(log, *EVENTS)
    reader = EventReader(log, piece=1)
    for number in range(len(EVENTS)):
        assert EventReader(log, reader.offset).read() == EVENTS[number:]
        assert reader.read() == [EVENTS[number]]


@pytest.mark.parametrize("piece", [1, 1 << 22])
def test_empty_lines_are_no_events_and_not_the_end(log: Path, piece: int):
    write(log, EVENTS[0])
    with log.open("ab") as file:
        file.write(b"\n\n\n")
    write(log, EVENTS[1])
    assert read_all(log, piece) == EVENTS[:2]


@pytest.mark.parametrize("piece", [1 << 16, 1 << 22])
def test_a_line_of_ten_megabytes(log: Path, piece: int):
    text = "long " * 2_000_000
    write(log, RunResumed(step=1))
    size = log.stat().st_size
    write(log, Noted(level="info", text=text), RunResumed(step=2))
    assert log.stat().st_size > 10_000_000
    first, long, last = read_all(log, piece)
    assert isinstance(long, Noted)
    assert long.text == text
    assert (first, last) == (
        RunResumed(step=1, time=first.time),
        RunResumed(step=2, time=last.time),
    )
    with log.open("r+b") as file:
        file.truncate(size + 9_000_000)
    assert read_all(log, piece) == [first]


def test_no_file_is_no_events(log: Path):
    reader = EventReader(log)
    assert reader.read() == []
    write(log, EVENTS[0])
    assert reader.read() == EVENTS[:1]


def test_each_line_is_an_event_of_its_own() -> None:
    """Decoded together, lines are told apart as they are one by one."""
    one, other = (msgspec.json.encode(event) for event in (EVENTS[1], EVENTS[2]))
    events, length = decode_events(one + b"\n\n" + one + other + b"\n" + other + b"\n" + one)
    assert [type(event) for event in events] == [StageProgressed, Damaged, StageProgressed]
    assert length == 2 * len(one) + 2 * len(other) + 4
    torn = one.replace(b",", b",\n", 1)
    assert [type(event) for event in decode_events(torn + b"\n")[0]] == [Damaged, Damaged]
