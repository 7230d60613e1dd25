"""Faults of a log, and of those who read it while it is written."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import psutil
from conftest import Command
from faulttable import Fault, TellFault, compared
from runsondisk import COMPLETED, STARTED, create, worker_of, write

from stplay.jobs.eventlog import EventReader, EventWriter, event_line
from stplay.jobs.events import Damaged, Event, Noted, Replaced, TrainLogged, Unknown
from stplay.runs.runindex import RunIndex
from stplay.runs.runsummary import summaries

EVENTS = 1000
CUTS = 50
SET_BACK = 6
STEPS_BETWEEN = 5
RUNS = 300
JUNK = [
    b'{"type":"TrainLogged","step":9',  # torn, by a full disk or a cut
    b"\x00" * 4096,  # a block that a crash of the machine has left
    b'{"type":"Noted","text":"' + b"x" * (1 << 20) + b"\n",  # a megabyte without an end
    b"\x1b]52;c;aGk=\x07\x1b[2J\xff\xfe\n",
    b'{"type":"FromTheFuture","time":1.0,"what":[1,2,3]}\n',
    b"\n\n\n",
    b'{"type":"Noted"}{"type":"Noted"}\n',
]


def read_all(reader: EventReader) -> list[Event]:
    """All that is there by now."""
    return [event for events in iter(reader.read, []) for event in events]


def words(reader: EventReader) -> list[str | bytes]:
    """What all events that are there by now have told; a line that is none stands for itself."""
    return [
        event.line if isinstance(event, Damaged) else event.text
        for event in read_all(reader)
        if isinstance(event, (Damaged, Noted))
    ]


def test_whatever_stands_between_events(tmp_path: Path, tell_fault: TellFault) -> None:
    """A writer that was killed and one of another version leave junk, and readers go on."""
    path, chance = tmp_path / "events.jsonl", random.Random(0)
    reader = EventReader(path, piece=1000)
    told = [Noted(level="info", text=f"{number}", time=1.0) for number in range(EVENTS)]
    read: list[Event] = []
    injected = 0
    writer = EventWriter(path)
    for number, event in enumerate(told):
        if number % 10 == 5:
            with path.open("ab") as file:
                file.write(JUNK[injected % len(JUNK)])
            writer.close()
            writer = EventWriter(path)  # the next process
            injected += 1
            writer.write(event)
        elif chance.random() < 0.1:  # a reader comes where half a line stands
            line = event_line(event)
            cut = chance.randrange(1, len(line))
            with path.open("ab", buffering=0) as file:
                file.write(line[:cut])
                read += read_all(reader)
                file.write(line[cut:])
        else:
            writer.write(event)
        if chance.random() < 0.3:
            read += read_all(reader)
    writer.close()
    read += read_all(reader)
    lost, doubled = compared([each for each in read if isinstance(each, Noted)], told)
    assert all(isinstance(each, (Noted, Damaged, Unknown)) for each in read)
    tell_fault(
        Fault(
            "junk between events: torn, 1 MB, of a newer stplay", injected, injected, lost, doubled
        )
    )


def test_a_log_is_cut(tmp_path: Path, tell_fault: TellFault) -> None:
    """Whoever reads it is told so, and then all that is left and all that comes."""
    path, chance = tmp_path / "events.jsonl", random.Random(0)
    reader, writer = EventReader(path), EventWriter(path)
    lost = doubled = told = 0
    for _ in range(CUTS):
        for _ in range(20):
            writer.write(Noted(level="info", text=f"{told}", time=1.0))
            told += 1
        read_all(reader)
        writer.close()
        os.truncate(path, chance.randrange(path.stat().st_size))
        writer = EventWriter(path)  # the next process, which may find half a line
        assert isinstance(reader.read()[0], Replaced)
        writer.write(Noted(level="info", text="after it", time=1.0))
        apart = compared(words(reader), words(EventReader(path)))
        lost, doubled = lost + apart[0], doubled + apart[1]
    tell_fault(Fault("a log cut short under its reader", CUTS, CUTS, lost, doubled))


def test_the_clock_is_set_back(home: Path, tell_fault: TellFault) -> None:
    """Nothing is taken for older than it is, no time is negative, and no step is missed."""
    run, index, now = create("back"), RunIndex(), 2e9
    write(run, worker_of(psutil.Process()), STARTED)
    seen: list[int] = []
    for step in range(1, SET_BACK * STEPS_BETWEEN + 1):
        now += -3600 if step % STEPS_BETWEEN == 0 else 10
        write(run, TrainLogged(step=step, epoch=0.0, loss=1.0, learning_rate=1e-5, time=now))
        os.utime(run.events_path, (now, now))
        (summary,) = summaries(index)
        assert summary.status == "running"
        assert summary.seconds >= 0
        seen.append(summary.step)
    log = run.read_log()
    assert (log.seconds_left() or 0) >= 0
    steps = [*range(1, len(seen) + 1)]
    assert compared(seen, steps) == (0, 0)
    apart = compared([row.step for row in log.table()], steps)
    tell_fault(
        Fault("clock set back an hour, by the times of events and log", SET_BACK, SET_BACK, *apart)
    )


def test_many_runs_some_of_which_are_broken(
    stplay: Command, home: Path, tell_fault: TellFault
) -> None:
    """All are listed, whatever became of some of them."""
    broken = 0
    for number in range(RUNS):
        run = write(create(f"run-{number}"), worker_of(psutil.Process()), STARTED, COMPLETED)
        if number % 3 == 0:
            with run.events_path.open("ab") as log:
                log.write(JUNK[broken % len(JUNK)])
        elif number % 10 == 1:
            run.recipe_path.write_bytes(b"[model\n\xff")
        elif number % 10 == 2:
            run.recipe_path.unlink()
        else:
            continue
        broken += 1
    expected = sorted(f"run-{number}" for number in range(RUNS))
    for _ in ("read", "known by the index"):
        ended = stplay("runs", "--json")
        assert (ended.returncode, ended.stderr) == (0, "")
        listed = [json.loads(line) for line in ended.stdout.splitlines()]
        apart = compared(sorted(each["run"] for each in listed), expected)
        assert {each["status"] for each in listed} == {"completed"}
    tell_fault(Fault(f"{RUNS} runs, of which {broken} are broken, listed", broken, broken, *apart))
