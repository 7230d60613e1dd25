"""Whatever stands in a card, a state or an output: never a traceback, never a control sign."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from placesread import folded

from stplay.cli.console import SafeConsole
from stplay.cli.trainingview import picture
from stplay.errors import UserError
from stplay.foreign.cardreader import card_events
from stplay.foreign.evaluatorcsv import csv_rows
from stplay.foreign.printedlog import PrintedLog
from stplay.foreign.segments import placed
from stplay.foreign.trainerfolder import state_events
from stplay.jobs.eventlog import decode_events, event_line
from stplay.jobs.events import Damaged, Event, MetricsLogged, ResultsListed
from stplay.text import printable, printable_lines

repeatable = settings(
    max_examples=120,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)

PIECES = st.sampled_from(
    [
        *("| Epoch | Step | a |", "|---|---|---|", "| 1 | 5 | 0.5 |", "| -1 | -1 | nan |", "| "),
        *(
            "|",
            "\n",
            "\r",
            "\r\n",
            " ",
            "-",
            "**",
            "<details>",
            "| Metric | Value |",
            "#### Triplet",
        ),
        *(
            "* Dataset: `x`",
            "1e999",
            "9" * 400,
            "(+0.5)",
            "\\|",
            "```",
            "\x1b[31m",
            "\x9b",
            "\u202e",
        ),
        *("{'loss': 0.5, 'epoch': 0.1}", "{'eval_loss': '1e999', 'epoch': nan}", "{", "}", "'"),
        *("  5%|█  | 5/100 [00:01<00:20, 5it/s]", "100%|█| 4/4 [00:00<00:00]", "%|", "99/9 ["),
        *("Traceback (most recent call last):", "ValueError: x", "KeyboardInterrupt", "Map: "),
        *("Evaluating the model on the x dataset in epoch 0.5 after 20 steps:", "A: 5%", "\0"),
        *("epoch,steps,a", "1.0,5,0.5", '"', "Sentence Transformers: 3.0.0", "TripletEvaluator"),
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=8), max_size=40).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(["step", "epoch", "loss", "eval_loss", "global_step", "max_steps"])
ENTRIES = st.dictionaries(NAMES | st.text(max_size=8), VALUES, max_size=6)
STATES = ENTRIES | st.builds(
    lambda state, history: state | {"log_history": history},
    ENTRIES,
    st.lists(ENTRIES | VALUES, max_size=6),
)


def check(events: Iterable[Event]) -> None:
    """Each event can be written and read again, and what is shown steers no terminal."""
    events = list(events)
    again, _ = decode_events(b"".join(map(event_line, events)))
    assert not [event for event in again if isinstance(event, Damaged)]
    for event in events:
        if isinstance(event, MetricsLogged | ResultsListed):
            assert [name for name in event.values if name != printable(name)] == []
    log = folded(events)
    console = SafeConsole(width=80, force_terminal=False)
    with console.capture() as captured:
        console.print(picture("x", log, width=80))
    text = captured.get()
    assert text == printable_lines(text)


@repeatable
@given(TEXTS)
@example("|" * 5000)
@example("| Epoch | Step |" + "|--" * 3000 + "|")
@example("[" * 20_000 + "`" * 20_000)
def test_cards(text: str) -> None:
    with suppress(UserError):
        check(card_events(text, "card", 1.0))


@repeatable
@given(TEXTS, st.integers(1, 50))
@example("%|" * 3000, 50)
@example("slurmstepd: error: " * 3000, 5000)
@example("'" * 3000 + "{" * 3000 + "}", 5000)
@example("x: " * 3000 + "Evaluating the model on the ", 5000)
def test_outputs(text: str, piece: int) -> None:
    log, data = PrintedLog(lambda: 1000.0, pipe=True), text.encode("utf-8", "replace")
    events = []
    for begin in range(0, len(data), piece):
        events += log.feed(data[begin : begin + piece])
        events += log.settle()
    check([*events, *log.settle(ended=True)])


@repeatable
@given(STATES)
def test_states(state: dict[str, object]) -> None:
    with suppress(UserError):
        check(state_events(json.dumps(state), "state", 1.0))


@repeatable
@given(TEXTS)
@example('{"log_history": [' + "[" * 100_000)
def test_states_that_are_no_json(text: str) -> None:
    with suppress(UserError):
        check(state_events(text, "state", 1.0))


@repeatable
@given(TEXTS.map("epoch,steps,a\n".__add__))
def test_csv_files(text: str) -> None:
    with suppress(UserError):
        check(placed(csv_rows(text, "csv"), 1.0).events)
