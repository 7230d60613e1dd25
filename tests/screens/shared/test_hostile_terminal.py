"""The app in a real terminal, with hostile text in all that it shows."""

from __future__ import annotations

import os
import re
from pathlib import Path

import hostile
import psutil
from runsondisk import create, worker_of
from terminal import Terminal

from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import WorkerStarted

# An escape that begins no known sequence, OSC 52, C1, bidirectional overrides, floods.
STEERS = re.compile(
    r"\x1b(?!\[[0-9;?<>=:]*[ -/]*[@-~]|\]|P|[=>()78M])|\x1b\]52"
    r"|[\x80-\x9f\u200b\u2028\u202e]|\u0301{9}"
)


def test_nothing_of_others_steers_the_terminal_of_the_app(home: Path):
    run = create("mine")
    writer = EventWriter(run.events_path)
    for event in list(hostile.events())[:-1]:  # it is at work
        alive = worker_of(psutil.Process(os.getpid()))
        writer.write(alive if isinstance(event, WorkerStarted) else event)
    run.worker_log_path.write_text(hostile.TEXT, encoding="utf-8")
    hostile.write_evaluation()
    with Terminal(size=(120, 40)) as terminal:
        terminal.wait_for(lambda text: "mine" in text and "evil" in text)
        terminal.type("l")
        terminal.wait_for(lambda text: text.count("evil") > 3)
        terminal.type("2")
        terminal.wait_for(lambda text: "found evil" in text)
        terminal.type("\x11")
        assert terminal.wait_for_end() == 0
        printed = terminal.output.decode("utf-8")
    assert not STEERS.search(printed), repr(STEERS.search(printed))
