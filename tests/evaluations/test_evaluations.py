"""Evaluations on disk: made, found, listed, swept, and damaged."""

from __future__ import annotations

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import psutil
import pytest
from finishedevaluations import SENTENCES, finished
from keptresults import kept_scores, kept_triplets, summary_of
from samplerun import finished_run

from stplay.errors import UserError
from stplay.evaluations.evaluation import Evaluation, EvaluationLog, Request, with_checkpoints
from stplay.jobs import manifest
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import Noted, RunFinished, StageProgressed, WorkerStarted

DAMAGE = [b"", b"PAR1", b"{", b"\xff\xfe", b"[1]", b'{"models": 3}']


def unfinished(worker: WorkerStarted) -> Evaluation:
    evaluation = Evaluation.create(Request(["builtin:tiny"], "builtin:sample"))
    writer = EventWriter(evaluation.events_path)
    writer.write(worker)
    writer.close()
    return evaluation


def this_process() -> WorkerStarted:
    process = psutil.Process()
    host = os.uname().nodename
    return WorkerStarted(host=host, pid=process.pid, process_started=process.create_time())


def killed_process() -> WorkerStarted:
    return WorkerStarted(host=os.uname().nodename, pid=1 << 22, process_started=1.0)


def test_a_new_one_keeps_what_was_asked_for(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "some.jsonl").touch()
    (tmp_path / "model").mkdir()
    asked = Request(["./model", "builtin:tiny", "./model"], "some.jsonl", ["x"], 5, 32, True, True)
    evaluation = Evaluation.create(asked)
    assert evaluation.id == "some-1"
    assert evaluation.folder == home / "data" / "evaluations" / "some-1"
    kept = evaluation.request()
    assert kept.models == [str(tmp_path / "model"), "builtin:tiny"]
    assert kept.data == str(tmp_path / "some.jsonl")
    assert (kept.splits, kept.limit, kept.truncate_dim) == (["x"], 5, 32)
    assert (kept.allow_pickle, kept.write_card) == (True, True)


def test_names_follow_the_data(home: Path) -> None:
    names = [finished("builtin:tiny").id for _ in range(2)]
    assert names == ["sample-1", "sample-2"]
    assert Evaluation.create(Request(["builtin:tiny"], "all-nli")).id == "all-nli-1"


@pytest.mark.parametrize(
    ("models", "data", "told"),
    [
        ([], "builtin:sample", "at least one model"),
        (["builtin:tiny"], "none.jsonl", "no data file or folder none.jsonl"),
        (["builtin:tyny"], "builtin:sample", "'builtin:tyny' names no model"),
        (["\udcff"], "builtin:sample", "names no model"),
    ],
)
def test_what_cannot_be_made(home: Path, models: list[str], data: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        Evaluation.create(Request(models, data))
    assert not list((home / "data").glob("evaluations/*"))


def test_a_split_that_no_file_can_name(home: Path) -> None:
    with pytest.raises(UserError, match="not UTF-8"):
        Evaluation.create(Request(["builtin:tiny"], "builtin:sample", ["\udcff"]))
    assert not list((home / "data").glob("evaluations/*"))


def test_a_home_that_is_no_folder(home: Path) -> None:
    (home / "data").touch()
    with pytest.raises(UserError, match="No evaluation can be made in"):
        Evaluation.create(Request(["builtin:tiny"], "builtin:sample"))
    assert Evaluation.every() == []


def test_finished_ones_are_listed_newest_first_and_found(home: Path) -> None:
    assert Evaluation.every() == []
    first, second = finished("a"), finished("b")
    for number, evaluation in enumerate((second, first)):
        os.utime(evaluation.summary_path, (number + 1, number + 1))
    waiting = unfinished(this_process())
    assert [each.id for each in Evaluation.every()] == [first.id, second.id]
    found = Evaluation.find(second.id)
    assert found.summary().models[0].name == "b"
    assert len(found.triplets("dev")) == 4
    assert found.scores("b", "dev").right("cosine").tolist() == [True, True, True, False]
    with pytest.raises(UserError, match=f"no finished evaluation '{waiting.id}'. The newest: s"):
        Evaluation.find(waiting.id)


@pytest.mark.parametrize("name", ["", ".", "..", "../runs", "/", "none", "a\0b", "x" * 5000])
def test_a_wrong_id_names_those_that_are(home: Path, name: str) -> None:
    with pytest.raises(UserError, match="There are none yet"):
        Evaluation.find(name)
    there = finished("a").id
    with pytest.raises(UserError, match=f"The newest: {there}"):
        Evaluation.find(name)


def silence(evaluation: Evaluation, seconds: float) -> Evaluation:
    """Let nothing have come from ``evaluation`` for some time."""
    last = time.time() - seconds
    os.utime(evaluation.events_path, (last, last))
    return evaluation


def with_files(evaluation: Evaluation) -> Evaluation:
    """Files as a process leaves them half-way."""
    (evaluation.folder / "embeddings").mkdir()
    (evaluation.folder / "embeddings" / "all.embeddings").write_bytes(b"x" * 1000)
    kept_triplets(evaluation.triplets_path(0), SENTENCES)
    evaluation.worker_log_path.write_text("Traceback")
    return evaluation


def names(evaluation: Evaluation) -> set[str]:
    return {path.name for path in evaluation.folder.iterdir()}


DAY = 86400.0
LOG = {"request.json", "events.jsonl", "worker.log"}


def test_what_failed_is_kept_for_a_week_without_its_large_files(home: Path) -> None:
    dead = silence(with_files(unfinished(killed_process())), 100)
    told = unfinished(killed_process())
    writer = EventWriter(told.events_path)
    writer.write(RunFinished(outcome="failed", exit_code=1, error="It broke."))
    writer.close()
    for evaluation in (with_files(told), silence(told, 6.9 * DAY)):
        assert "embeddings" in names(evaluation)
    done, working = finished("a"), with_files(unfinished(this_process()))
    assert [names(dead), names(told)] == [LOG, LOG]
    assert dead.read_log().status == "failed"
    for evaluation in (dead, told, done, working):
        silence(evaluation, 7.1 * DAY)
    new = Evaluation.create(Request(["builtin:tiny"], "builtin:sample"))
    there = {path.name for path in new.folder.parent.iterdir()}
    assert there == {done.id, working.id, new.id}, "and what is at work or finished for good"
    assert "embeddings" in names(working)


@pytest.mark.parametrize("seconds", [10, 61, 8 * DAY, 4000 * DAY])
def test_what_another_host_may_hold_is_left_alone(home: Path, seconds: float) -> None:
    there = WorkerStarted(host="gpu-box", pid=os.getpid(), process_started=1.0)
    other = silence(with_files(unfinished(there)), seconds)
    held = names(other)
    assert Evaluation.create(Request(["builtin:tiny"], "builtin:sample")).id == "sample-2"
    assert names(other) == held
    writer = EventWriter(other.events_path)  # it goes on, and comes to its end
    writer.write(RunFinished(outcome="stopped", exit_code=130))
    writer.close()
    silence(other, 8 * DAY)
    Evaluation.create(Request(["builtin:tiny"], "builtin:sample"))
    assert not other.folder.exists()


def test_a_heart_that_has_just_beaten_keeps_its_files(home: Path) -> None:
    """A process of another container: of the same host by name, and not to be seen from here."""
    other = with_files(unfinished(killed_process()))
    held = names(other)
    Evaluation.create(Request(["builtin:tiny"], "builtin:sample"))
    assert names(other) == held


def test_a_number_is_never_given_again(home: Path) -> None:
    first, second = finished("a"), finished("b")
    second.discard()
    third = finished("c")
    shutil.rmtree(third.folder)  # by hand
    first.discard()
    assert finished("d").id == "sample-4"
    assert [each.id for each in Evaluation.every()] == ["sample-4"]


def test_numbers_of_before_they_were_written_down_count_too(home: Path) -> None:
    folder = home / "data" / "evaluations"
    for name in ("sample-7", "sample-x", "sample-" + "9" * 200, "sample-8 old"):
        (folder / name).mkdir(parents=True)
    assert [finished("a").id for _ in range(2)] == ["sample-8", "sample-9"]


def test_starts_side_by_side_get_a_number_each(home: Path) -> None:
    asked = Request(["builtin:tiny"], "builtin:sample")
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: Evaluation.create(asked).id, range(24)))
    assert sorted(found) == sorted(f"sample-{number}" for number in range(1, 25))


def test_two_names_of_one_folder_are_one_model(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    asked = Request(["./model", "model", str(tmp_path / "model")], "builtin:sample")
    assert Evaluation.create(asked).request().models == [str(tmp_path / "model")]


def test_one_that_is_just_being_made_is_left_alone(home: Path) -> None:
    other = home / "data" / "evaluations" / "sample-1"  # a folder is made before what is in it
    other.mkdir(parents=True)
    assert Evaluation.create(Request(["builtin:tiny"], "builtin:sample")).id == "sample-2"
    assert other.is_dir()
    os.utime(other, (1, 1))
    Evaluation.create(Request(["builtin:tiny"], "builtin:sample"))
    assert not other.exists()


def test_a_killed_process_is_told(home: Path) -> None:
    log = unfinished(killed_process()).read_log()
    assert log.status == "failed"
    assert log.finished is not None
    assert log.finished.exit_code == 1
    assert log.error is not None
    assert log.error.startswith(
        "The evaluation process ended without a last word: perhaps it was k"
    )
    assert log.error.endswith("nothing else is lost: try again")


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_told_in_a_sentence(home: Path, damage: bytes) -> None:
    evaluation = finished("a")
    for path in (evaluation.scores_path(0, 0), evaluation.triplets_path(0)):
        path.write_bytes(damage)
    with pytest.raises(UserError, match=r"scores-1-1.parquet is damaged; evaluate again"):
        evaluation.scores("a", "dev")
    with pytest.raises(UserError, match=r"triplets-1.parquet is damaged; evaluate again"):
        evaluation.triplets("dev")
    evaluation.summary_path.write_bytes(damage)
    evaluation.request_path.write_bytes(damage)
    evaluation = Evaluation(evaluation.folder)  # a summary is read once
    for read, name in ((evaluation.summary, "summary"), (evaluation.request, "request")):
        with pytest.raises(UserError, match=rf"{name}.json is damaged; evaluate again"):
            read()


def test_files_that_are_gone_are_told_in_a_sentence(home: Path) -> None:
    evaluation = finished("a")
    evaluation.scores_path(0, 0).unlink()
    with pytest.raises(UserError, match=r"scores-1-1.parquet is damaged"):
        evaluation.scores("a", "dev")
    evaluation.summary_path.unlink()
    with pytest.raises(UserError, match=r"sample-1 has no summary.json; evaluate again"):
        Evaluation(evaluation.folder).summary()


def test_a_half_written_file_is_damaged(home: Path) -> None:
    evaluation = finished("a")
    path = evaluation.scores_path(0, 0)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged"):
        evaluation.scores("a", "dev")


def test_files_of_another_evaluation_are_damaged(home: Path) -> None:
    evaluation = finished("a")
    kept_triplets(evaluation.triplets_path(0), SENTENCES[:3])
    evaluation.scores_path(0, 0).write_bytes(evaluation.triplets_path(0).read_bytes())
    with pytest.raises(UserError, match=r"scores-1-1.parquet is damaged"):
        evaluation.scores("a", "dev")
    with pytest.raises(UserError, match=r"triplets-1.parquet is damaged"):
        evaluation.triplets("dev")
    kept_scores(evaluation.scores_path(0, 0), [0.9] * 5, [0.1] * 5)
    with pytest.raises(UserError, match=r"scores-1-1.parquet is damaged"):
        evaluation.scores("a", "dev")


def test_a_summary_of_nothing_is_damaged(home: Path) -> None:
    evaluation, nothing, failed = finished("a"), summary_of([]), summary_of(["a"])
    nothing.splits.clear()
    failed.models[0].error = "It broke."
    for summary in (nothing, failed, summary_of([])):
        evaluation.summary_path.write_bytes(msgspec.json.encode(summary))
        with pytest.raises(UserError, match=r"summary.json is damaged"):
            evaluation.summary()


def test_what_an_evaluation_does_not_have(home: Path) -> None:
    summary = summary_of(["a", "b"])
    summary.models[1].error = "The model b gives NaN."
    evaluation = finished("a", "b", summary=summary)
    with pytest.raises(UserError, match="no c; it has a, b"):
        evaluation.scores("c", "dev")
    with pytest.raises(UserError, match="no test; it has dev"):
        evaluation.triplets("test")
    with pytest.raises(UserError, match="b has no figures: The model b gives NaN"):
        evaluation.scores("b", "dev")


def test_discarded_without_a_trace(home: Path) -> None:
    evaluation = finished("a")
    evaluation.discard()
    assert not evaluation.folder.exists()
    evaluation.discard()


def test_time_left_is_told_from_the_pace_of_encoding(home: Path) -> None:
    log = EvaluationLog()
    log.apply(WorkerStarted(host="h", pid=1, process_started=0.0, time=0.0))
    log.apply(StageProgressed(stage="reading sample-dev", done=500, total=500, time=90.0))
    assert log.seconds_left() is None
    assert log.status == "starting"
    for at, done in ((100.0, 100), (110.0, 300)):
        assert log.seconds_left() is None
        log.apply(StageProgressed(stage="encoding with a", done=done, total=1000, time=at))
    assert log.status == "running"
    assert log.seconds_left() == pytest.approx(35.0)
    # The next model of the same evaluation goes on at the same pace.
    log.apply(StageProgressed(stage="encoding with b", done=900, total=1000, time=140.0))
    assert log.seconds_left() == pytest.approx(5.0)
    log.apply(Noted(level="warning", text="careful"))
    log.apply(RunFinished(outcome="completed", exit_code=0))
    assert log.seconds_left() is None
    assert (log.status, log.notes[0].text) == ("completed", "careful")


# checkpoints


def test_a_run_is_followed_by_its_kept_checkpoints(home: Path) -> None:
    run = finished_run("done")
    with pytest.raises(UserError, match="The run done has kept no checkpoint yet"):
        with_checkpoints(["run:done"])
    (run.folder / "checkpoints" / "x").mkdir(parents=True)
    assert with_checkpoints(["run:done"]) == ["run:done@300"]
    (run.folder / "model").mkdir()
    assert with_checkpoints(["run:done"]) == ["run:done@300", "run:done"]
    assert with_checkpoints(["run:done@300"]) == ["run:done@300", "run:done"]


def test_a_damaged_checkpoint_is_not_left_out_in_silence(home: Path) -> None:
    folder = finished_run("done").folder / "checkpoints" / "x"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    manifest.record(folder)
    (folder / "model.safetensors").write_bytes(b"")
    models = with_checkpoints(["run:done"])
    assert models == ["run:done@300"]
    request = Request(models=["builtin:tiny", *models], data="builtin:sample")
    assert Evaluation.create(request).request().models == ["builtin:tiny", "run:done@300"]


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ("builtin:tiny", "builtin:tiny is no run, so it has no checkpoints"),
        ("done", "done is no run"),
        ("run:none", "no run 'none'"),
    ],
)
def test_only_runs_have_checkpoints(home: Path, model: str, told: str) -> None:
    finished_run("done")
    with pytest.raises(UserError, match=told):
        with_checkpoints([model])


def test_a_summary_is_read_once_until_it_is_another(home: Path) -> None:
    evaluation = finished("a")
    first = evaluation.summary()
    assert Evaluation.find(evaluation.id).summary() is first
    other = summary_of(["a", "b"])
    evaluation.summary_path.write_bytes(msgspec.json.encode(other))
    assert evaluation.summary() == other
    assert evaluation.summary() is evaluation.summary()
    written = first.created + 1
    other.created = written
    begin = evaluation.summary_path.stat().st_mtime_ns
    evaluation.summary_path.write_bytes(msgspec.json.encode(other))
    os.utime(evaluation.summary_path, ns=(begin + 1, begin + 1))
    assert evaluation.summary().created == written, "of the same length, but later"
