"""The index beside the logs: it saves reading them, and is trusted over none."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import psutil
import pytest
from runsondisk import COMPLETED, STARTED, create, worker_of, write
from samplerun import finished_run

from stplay.jobs.eventlog import EventReader
from stplay.jobs.events import Event, RunResumed, TrainLogged
from stplay.runs import runindex
from stplay.runs.run import Run
from stplay.runs.runindex import INDEX, RunIndex
from stplay.runs.runsummary import RunSummary, summaries


@pytest.fixture(autouse=True)
def _every_byte_is_worth_keeping(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runindex, "WORTH_KEEPING", 1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Which log was read from which byte on, where there was something to read."""
    begun: list[tuple[str, int]] = []
    plain = EventReader.read

    def note(reader: EventReader) -> list[Event]:
        begin = reader.offset
        if events := plain(reader):
            begun.append((reader.path.parent.name, begin))
        return events

    monkeypatch.setattr(EventReader, "read", note)
    return begun


def index_of(home: Path) -> Path:
    return home / "data" / "runs" / INDEX


def told(run: str) -> RunSummary:
    return next(summary for summary in summaries() if summary.run == run)


def test_a_log_that_is_as_it_was_is_not_read_again(home: Path, read: list[object]) -> None:
    finished_run("one")
    finished_run("two", steps=5)
    before = summaries()
    assert len(read) == 2
    assert summaries() == before
    assert len(read) == 2


def test_of_a_log_that_has_grown_only_what_is_new_is_read(home: Path, read: list[object]) -> None:
    run = finished_run("one")
    told("one")
    size = run.events_path.stat().st_size
    write(run, TrainLogged(step=400, epoch=1.0, loss=None, learning_rate=0.1))
    del read[:]
    assert told("one").diverged
    assert read == [("one", size)]
    write(run, RunResumed(step=100))
    assert (told("one").step, told("one").dev_max_accuracy) == (100, 0.81)


def test_another_log_in_its_place_is_read_from_its_start(home: Path) -> None:
    run = finished_run("one", steps=3)
    assert told("one").step == 300
    longer = finished_run("two", steps=9).events_path.read_bytes()
    run.events_path.write_bytes(longer)  # the same file, as far as the disk can tell
    assert (told("one").step, told("one").best_dev_step) == (900, 100)
    run.events_path.unlink()
    write(run, STARTED)
    assert (told("one").step, told("one").best_dev_step) == (0, None)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"no index",
        b"\xc1" * 99,
        msgspec.msgpack.encode(["9.9", {}]),
        msgspec.msgpack.encode({"version": "0.1.0"}),
        msgspec.msgpack.encode([]),
    ],
)
def test_a_damaged_or_foreign_index_costs_only_time(home: Path, damage: bytes) -> None:
    finished_run("one")
    before = summaries()
    whole = index_of(home).read_bytes()
    for kept in (damage, whole[: len(whole) // 2]):
        index_of(home).write_bytes(kept)
        assert summaries() == before
    assert index_of(home).read_bytes() == whole, "it is made anew"


def test_an_offset_that_cannot_be_is_not_believed(home: Path) -> None:
    run = finished_run("one")
    before = summaries()
    index = msgspec.msgpack.decode(index_of(home).read_bytes())
    for offset in (7, 1 << 40):
        index[1]["one"][1:4] = [0, 0, offset]
        index_of(home).write_bytes(msgspec.msgpack.encode(index))
        assert summaries() == before
    assert run.events_path.exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_where_nothing_can_be_written_runs_are_listed(home: Path) -> None:
    finished_run("one")
    folder = index_of(home).parent
    folder.chmod(0o500)
    try:
        assert [summary.run for summary in summaries()] == ["one"]
    finally:
        folder.chmod(0o700)
    assert not index_of(home).exists()


def test_a_folder_in_its_place_costs_only_time(home: Path) -> None:
    finished_run("one")
    index_of(home).mkdir()
    assert [summary.run for summary in summaries()] == ["one"]
    assert sorted(path.name for path in index_of(home).parent.iterdir()) == [INDEX, "one"]


def test_what_has_become_of_a_process_is_never_kept(home: Path) -> None:
    run = create("one")
    gone = worker_of(psutil.Process())
    write(run, msgspec.structs.replace(gone, process_started=1.0, pid=2**30), STARTED)
    assert told("one").status == "failed"
    kept = msgspec.msgpack.decode(index_of(home).read_bytes(), type=runindex.Index)
    assert kept.logs["one"].digest.log.status == "running"
    write(run, gone)
    assert told("one").status == "starting"
    write(run, COMPLETED)
    assert told("one").status == "completed"


def test_a_run_that_is_gone_is_forgotten(home: Path) -> None:
    finished_run("one")
    finished_run("two")
    index = RunIndex()
    assert len(summaries(index)) == 2
    Run.find("one").delete()
    assert [summary.run for summary in summaries(index)] == ["two"]


def test_the_disk_is_looked_at_again_once_something_was_removed(home: Path) -> None:
    run = finished_run("one")
    model = run.folder / "model" / "inner"
    model.mkdir(parents=True)
    (model / "a").write_bytes(b"x" * 1000)
    (run.folder / "model" / "b").write_bytes(b"x" * 10)
    assert told("one").disk_bytes == 1010
    (run.folder / "model" / "b").unlink()
    assert told("one").disk_bytes == 1000
