"""Faults of a log, and of those who read it while it is written."""

from __future__ import annotations

import random
from pathlib import Path

from faulttable import Fault, TellFault, compared

from stplay.jobs.eventlog import EventReader, EventWriter, event_line
from stplay.jobs.events import Damaged, Event, Noted, Unknown

EVENTS = 1000
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
