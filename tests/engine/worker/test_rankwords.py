"""What is told of a training in several processes is what happened first."""

from __future__ import annotations

from pathlib import Path

import pytest

from stplay.engine.worker.place import LAUNCHER, NO_OTHERS, STOPPING, Place
from stplay.engine.worker.ranks import PeerLostError
from stplay.engine.worker.rankwords import (
    RankEvents,
    RankWord,
    is_final,
    last_word_of_all,
    taken_words,
)
from stplay.jobs.eventlog import EventReader
from stplay.jobs.events import Noted, RunFinished, WorkerStarted

LOST = f"stplay.engine.worker.ranks.{PeerLostError.__name__}: Another process has ended."
DONE = RunFinished(outcome="completed", exit_code=0)
STOPPED = RunFinished(outcome="stopped", exit_code=130)


def failed(error: str, exit_code: int = 1) -> RunFinished:
    return RunFinished(outcome="failed", exit_code=exit_code, error=error)


def words(*finished: RunFinished | None) -> list[RankWord]:
    return [
        RankWord(rank=rank, size=len(finished), host="here", finished=each)
        for rank, each in enumerate(finished)
        if each is not None
    ]


def told(
    *finished: RunFinished | None, codes: dict[int, int] | None = None, was_asked: bool = False
) -> RunFinished:
    return last_word_of_all(words(*finished), codes or {}, "resume it.", was_asked=was_asked)


def test_whoever_failed_by_itself_is_named() -> None:
    found = told(failed(LOST), failed("ValueError: no"), STOPPED, codes={0: 1, 1: 1})
    assert found.error == "Process 1 of 3, on here: ValueError: no"
    assert found.exit_code == 1
    found = told(None, failed("The memory ran out.", 2), codes={0: -9, 1: 2})
    assert found.error == "Process 1 of 2, on here: The memory ran out."
    assert found.exit_code == 2


def test_what_all_say_is_said_once() -> None:
    assert told(failed("No such file.", 2), failed("No such file.", 2)).error == "No such file."


def test_a_process_that_left_no_word_is_named() -> None:
    killed = told(failed(LOST), None, STOPPED, codes={0: 1, 1: -9, 2: 130})
    assert killed.error == (
        "Process 1 of the training was killed (by a person, or by the system when memory ran out); "
        "resume it."
    )
    elsewhere = told(failed(LOST), None, codes={0: 1})
    assert elsewhere.error == "Process 1 of the training ended without a last word; resume it."
    assert told().error == "Process 0 of the training ended without a last word; resume it."
    assert told(codes={0: -6}).error == "Process 0 of the training was ended by SIGABRT; resume it."


def test_who_was_asked_to_stop_has_stopped() -> None:
    assert told(STOPPED, STOPPED, was_asked=True).outcome == "stopped"
    late = told(STOPPED, failed(LOST), None, codes={1: 1, 2: -9}, was_asked=True)
    assert (late.outcome, late.exit_code) == ("stopped", 130)
    assert told(was_asked=True).outcome == "stopped"
    assert told(DONE, DONE, was_asked=True) == DONE, "it was asked too late"
    assert told(STOPPED, failed("ValueError: no"), was_asked=True).outcome == "failed"


def test_the_end_of_all_is_that_of_each() -> None:
    assert told(DONE, DONE) == DONE
    assert told(STOPPED, STOPPED) == STOPPED


@pytest.mark.parametrize(
    ("finished", "expected"),
    [
        ((failed("No such file.", 2), failed(LOST)), True),
        ((STOPPED, STOPPED), True),
        ((STOPPED, failed("ValueError: no")), False),
        ((STOPPED, None), False),
        ((None, None), False),
    ],
)
def test_what_a_restart_would_not_change(
    finished: tuple[RunFinished | None, ...], expected: bool
) -> None:
    assert is_final(words(*finished)) == expected


def test_the_first_alone_writes_the_log_and_each_leaves_its_last_word(tmp_path: Path) -> None:
    started = WorkerStarted(host="here", pid=1, process_started=1.0)
    for restarts in (0, 1):
        for rank in (0, 1):
            events = RankEvents(tmp_path, Place(rank, 2, restarts=restarts))
            for event in (started, Noted(level="info", text=f"{rank}"), failed(f"{restarts}")):
                events.write(event)
    log = EventReader(tmp_path / "events.jsonl", 0, 1 << 16).read()
    assert [event.text for event in log if isinstance(event, Noted)] == ["0", "0"]
    assert len(log) == 2
    left = taken_words(tmp_path)
    assert [(word.rank, word.size, word.finished.error) for word in left] == [
        (0, 2, "1"),
        (1, 2, "1"),
    ]
    assert taken_words(tmp_path) == []


def test_a_place_is_taken_out_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "RANK": "5",
        "WORLD_SIZE": "8",
        "LOCAL_RANK": "1",
        "LOCAL_WORLD_SIZE": "4",
        "GROUP_WORLD_SIZE": "2",
        "MASTER_ADDR": "node1",
        "TORCHELASTIC_RESTART_COUNT": "3",
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert Place.taken() == NO_OTHERS, "left by another launcher than ours"
    for name, value in (told | {LAUNCHER: "77", STOPPING: "1"}).items():
        monkeypatch.setenv(name, value)
    assert Place.taken() == Place(5, 8, 1, 4, 2, 3, 77, True, told)
    assert Place.taken() == NO_OTHERS, "it was taken"
