"""The real commands ``eval``, ``evaluations`` and ``wrong``."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
import pytest
from conftest import Command, make_home, run_stplay, write_triplets
from finishedevaluations import SENTENCES, finished
from hubstandin import Hub, hub_environment, parquet_dataset
from keptresults import summary_of
from mistakes import assert_mistake
from terminal import Terminal

from stplay.evaluations.evaluation import CANCELLED, Evaluation
from stplay.evaluations.results import METRICS
from stplay.jobs.eventlog import EventReader
from stplay.jobs.events import StageProgressed, WorkerStarted
from stplay.sources import minilm
from stplay.sources.datasources import ALL_NLI_REPOSITORY, ALL_NLI_REVISION

Process = subprocess.Popen[str]


def start(*arguments: str, env: dict[str, str] | None = None) -> Process:
    """Start the real command."""
    return subprocess.Popen(
        [sys.executable, "-m", "stplay", *arguments],
        env=env or os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: Process) -> subprocess.CompletedProcess[str]:
    """What a started command has to say, once it has ended."""
    output, errors = process.communicate(timeout=200)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def wait_for_encoding(data: str, known: Sequence[Evaluation] = ()) -> Evaluation:
    """The one evaluation of ``data`` that is not ``known``, once it is encoding."""
    deadline = time.monotonic() + 120
    while True:
        for folder in (Path(os.environ["STPLAY_HOME"]) / "data" / "evaluations").glob("*"):
            evaluation = Evaluation(folder)
            stage = evaluation.read_log().stage
            if (
                folder not in [each.folder for each in known]
                and isinstance(stage, StageProgressed)
                and stage.stage.startswith("encoding with")
                and stage.total
                and 0 < stage.done < stage.total / 2
                and evaluation.request().data.endswith(data)
            ):
                return evaluation
        assert time.monotonic() < deadline
        time.sleep(0.02)


def worker_of(evaluation: Evaluation) -> psutil.Process:
    """The process that works on an evaluation."""
    first = EventReader(evaluation.events_path).read()[0]
    assert isinstance(first, WorkerStarted)
    return psutil.Process(first.pid)


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One home for the tests that start evaluations, so that built-in models are made once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = make_home(tmp_path_factory)
        patch.setenv("STPLAY_HOME", str(folder))
        yield folder


# the figures of SOURCES.md


@pytest.mark.skipif(not minilm.is_installed(), reason="stplay[offline] is not installed")
def test_the_figures_of_minilm_on_real_triplets(shared_home: Path, snli: Path) -> None:
    expected = {
        "dev": (0.948, 0.948, 0.945, 0.948, 0.948),
        "test": (0.932, 0.932, 0.937, 0.932, 0.937),
    }
    started = {
        split: start(
            "eval", "builtin:minilm", "--data", str(snli / f"{split}.jsonl"), *limit, "--json"
        )
        for split, limit in (("dev", ("--limit", "1000")), ("test", ()))
    }
    for split, process in started.items():
        done = ended(process)
        assert done.returncode == 0, done.stderr
        (line,) = map(json.loads, done.stdout.splitlines())
        intervals = [f"{metric}_interval" for metric in METRICS]
        assert set(line) == {"model", "data", "split", "rows", "precision", *METRICS, *intervals}
        assert (line["model"], line["split"], line["rows"]) == ("builtin:minilm", split, 1000)
        assert line["data"].endswith(f"snli/{split}.jsonl")
        assert tuple(round(line[metric], 3) for metric in METRICS) == expected[split]
        for metric in METRICS:
            low, high = line[f"{metric}_interval"]
            assert 0.9 < low < line[metric] < high < 0.97


# cancelled, killed, tried again


def test_cancelled_half_way(shared_home: Path, tmp_path: Path) -> None:
    signals = (signal.SIGINT, signal.SIGTERM)
    data = [write_triplets(tmp_path / f"many-{number}.jsonl", 8_000) for number in signals]
    started = [start("eval", "builtin:tiny", "--data", str(path)) for path in data]
    working = [wait_for_encoding(path.name) for path in data]
    workers = [worker_of(evaluation) for evaluation in working]
    for process, number in zip(started, signals, strict=True):
        process.send_signal(number)
    for process, evaluation, worker in zip(started, working, workers, strict=True):
        done = ended(process)
        assert (done.returncode, done.stdout) == (130, "")
        assert done.stderr.splitlines()[-1] == f"stplay: {CANCELLED}"
        assert CANCELLED == "Cancelled; the partial result is thrown away."
        assert "Traceback" not in done.stderr
        assert not evaluation.folder.exists()
        worker.wait(30)


@pytest.mark.usefixtures("unforked")
def test_killed_and_tried_again_in_a_terminal(shared_home: Path, tmp_path: Path) -> None:
    before = [each.id for each in Evaluation.every()]
    process = start(
        "eval", "builtin:tiny", "--data", str(write_triplets(tmp_path / "big.jsonl", 8_000))
    )
    evaluation = wait_for_encoding("big.jsonl")
    worker_of(evaluation).kill()
    done = ended(process)
    assert (done.returncode, done.stdout) == (1, "")
    told = [line for line in done.stderr.splitlines() if line.startswith("stplay: ")]
    assert told == [
        "stplay: The evaluation process was killed (by a person, or by the system when memory ran "
        "out); nothing else is lost: try again"
    ]
    assert "Traceback" not in done.stderr
    assert [each.id for each in Evaluation.every()] == before
    assert (evaluation.folder / "embeddings").is_dir()

    data = write_triplets(tmp_path / "few.jsonl", 40)
    with Terminal("eval", "builtin:tiny", "--data", str(data), size=(120, 40)) as terminal:
        terminal.wait_for("importing", 30)
        terminal.wait_for("max_accuracy", 120)
        assert terminal.wait_for_end() == 0
        screen = terminal.text
    assert "few (40 triplets)" in screen
    assert "builtin:tiny (untrained)" in screen
    assert "384 dimensions" in screen
    assert re.search(r"cosine_accuracy +0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)", screen)
    assert "importing" not in screen  # the progress is gone
    assert [each.id for each in Evaluation.every()] == ["few-1", *before]
    assert (evaluation.read_log().error or "?") in told[0], "its story is kept"


def test_input_that_only_the_process_can_judge(shared_home: Path, tmp_path: Path) -> None:
    (tmp_path / "lacks.csv").write_text("anchor,positive\na,b\n")
    folder = tmp_path / "folder"
    folder.mkdir()
    write_triplets(folder / "train.jsonl", 3)
    write_triplets(folder / "dev.jsonl", 3)
    lacks = start("eval", "builtin:tiny", "--data", str(tmp_path / "lacks.csv"), "--json")
    nowhere = start(
        "eval", "builtin:tiny", "--data", str(folder), "--split", "nope", "--split", "dev"
    )
    for process, told in (
        (lacks, "lacks.csv lacks the column negative, and of pairs no triplets can be made; it"),
        (nowhere, "folder has no split nope; it has dev, train."),
    ):
        done = ended(process)
        assert (done.returncode, done.stdout) == (2, "")
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("stplay: ")]
        assert told in line
        assert "Traceback" not in done.stderr


def test_all_nli_stands_beside_the_card(shared_home: Path, tmp_path: Path) -> None:
    rows = [
        {"anchor": f"A cat {n}", "positive": f"An animal {n}", "negative": f"A dog {n}"}
        for n in range(8)
    ]
    with Hub() as hub:
        hub.add_dataset(
            ALL_NLI_REPOSITORY,
            parquet_dataset({"triplet": {"train": rows, "dev": rows, "test": rows}}),
            sha=ALL_NLI_REVISION,
        )
        env = hub_environment(hub, tmp_path) | {"COLUMNS": "120"}
        good = start("eval", "builtin:tiny", "--limit", "5", env=env)
        bad = start("eval", "builtin:tiny", "--split", "validation2", env=env)
        done, failed = ended(good), ended(bad)
    assert done.returncode == 0, done.stderr
    for split, figure in (("dev", "0.163"), ("test", "0.150")):
        assert f"all-nli-{split} (5 triplets)" in done.stdout
        assert re.search(rf"dot_accuracy .* {figure}", done.stdout)
    assert "card (1,000 triplets)" in done.stdout
    assert "dot accuracy is inverted" in done.stdout
    (kept,) = [each for each in Evaluation.every() if each.id.startswith("all-nli")]
    assert {split.revision for split in kept.summary().splits} == {ALL_NLI_REVISION}
    assert failed.returncode == 2
    assert "has no split validation2; it has train, dev, test." in failed.stderr


# mistakes that are told at once


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (("eval", "builtin:tiny", "--data", "none.csv"), ["no data file or folder none.csv"]),
        (("eval", "builtin:tiny", "--data", "nowhere"), ["'nowhere' names no data"]),
        (("eval", "builtin:tiny", "--data", "x\x1b[31m"), ["'x�[31m'"]),
        (("eval", "builtin:tiny", "--checkpoints"), ["builtin:tiny is no run"]),
        (("eval", "run:none", "--checkpoints"), ["no run 'none'"]),
        (("eval", "builtin:tyny", "--data", "builtin:sample"), ["'builtin:tyny' names no model"]),
        (("eval", "\udcff", "--data", "builtin:sample"), ["'�' names no model"]),
        (("eval", "builtin:tiny", "--data", "builtin:sample", "--split", "\udcff"), ["not UTF-8"]),
        (("evaluations", "none"), ["no finished evaluation 'none'. The newest: sample-1"]),
        (("evaluations", "../sample-1\x1b"), ["no finished evaluation '../sample-1�'"]),
        (("eval", "run:x@" + "9" * 5000, "--data", "builtin:sample"), ["no run 'x'"]),
        (("wrong", "none"), ["no finished evaluation 'none'"]),
        (("wrong", "sample-1", "--model", "c"), ["no c; it has a, b"]),
        (("wrong", "sample-1", "--better", "c"), ["no c; it has a, b"]),
        (("wrong", "sample-1", "--split", "test"), ["no test; it has dev"]),
    ],
)
def test_a_mistake_is_one_line(
    stplay: Command, home: Path, arguments: tuple[str, ...], parts: list[str]
) -> None:
    finished("a", "b")
    assert_mistake(stplay(*arguments, cwd=home), *parts)
    assert [path.name for path in (home / "data" / "evaluations").iterdir()] == ["sample-1"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("eval",),
        ("eval", "a", "--limit", "0"),
        ("eval", "a", "--limit", "-1"),
        ("eval", "a", "--limit", "1e3"),
        ("eval", "a", "--truncate-dim", "x"),
        ("eval", "a", "--limit", "9" * 5000),
        ("eval", "a", "--truncate-dim", "9" * 5000),
        ("eval", "a", "--limit", "²"),
        ("wrong", "a", "--similarity", "hamming"),
        ("wrong", "a", "--format", "xml"),
    ],
)
def test_a_command_of_no_known_form(stplay: Command, arguments: tuple[str, ...]) -> None:
    done = stplay(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: stplay")


# what is kept


def test_no_evaluations(stplay: Command) -> None:
    done = stplay("evaluations")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("There are no evaluations yet; make one with: stplay eval")
    done = stplay("evaluations", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_evaluations(stplay: Command) -> None:
    finished("a", "b\x1b[31m")
    done = stplay("evaluations")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines() if "sample-1" in line]
    assert [line[:6] for line in lines] == [
        ["sample-1", "a", "data-dev", "4", "0.750", "0.750"],
        ["sample-1", "b�[31m", "data-dev", "4", "0.750", "0.750"],
    ]
    done = stplay("evaluations", "--json")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["evaluation"], line["model"]) for line in found] == [
        ("sample-1", "a"),
        ("sample-1", "b\x1b[31m"),
    ]
    done = stplay("evaluations", "sample-1", "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {name: value for name, value in line.items() if name != "evaluation"} for line in found
    ]


def test_one_again_with_its_comparison(stplay: Command) -> None:
    finished("a", "b")
    done = stplay("evaluations", "sample-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "data-dev (4 triplets)" in done.stdout
    assert "0.750 (0.300 to 0.950)" in done.stdout
    assert "a and b judge every triplet alike, by cosine." in done.stdout


def test_damage_is_told_and_hides_nothing_else(stplay: Command) -> None:
    broken, whole = finished("a"), finished("b")
    broken.scores_path(0, 0).write_bytes(b"PAR1")
    assert_mistake(stplay("wrong", broken.id), "scores-1-1.parquet is damaged; evaluate again")
    broken.triplets_path(0).unlink()
    assert_mistake(stplay("wrong", broken.id), "triplets-1.parquet is damaged")
    broken.summary_path.write_bytes(b"{")
    assert_mistake(stplay("evaluations", broken.id), "summary.json is damaged; evaluate again")
    done = stplay("evaluations", "--json")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "summary.json is damaged" in done.stderr
    assert [json.loads(line)["evaluation"] for line in done.stdout.splitlines()] == [whole.id]


def test_the_wrong_triplets(stplay: Command) -> None:
    finished("a", "b")
    done = stplay("wrong", "sample-1")
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = map(json.loads, done.stdout.splitlines())
    anchor, positive, negative = SENTENCES[3]
    assert found == {
        "row": 4,
        "margin": pytest.approx(-0.3),
        "positive_similarity": pytest.approx(0.1),
        "negative_similarity": pytest.approx(0.4),
        "anchor": anchor,
        "positive": positive,
        "negative": negative,
    }
    done = stplay("wrong", "sample-1", "--format", "csv", "--model", "b", "--search", "ANCHOR 3")
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    assert (row["row"], row["anchor"]) == ("4", anchor)
    for none in (("--search", "anchor 9"), ("--better", "b"), ("--search", "\udcff")):
        done = stplay("wrong", "sample-1", *none)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("buffered", [True, False])
@pytest.mark.parametrize(
    "arguments", [("evaluations",), ("evaluations", "sample-1"), ("wrong", "sample-1")]
)
def test_a_reader_that_went_away(home: Path, arguments: tuple[str, ...], buffered: bool) -> None:
    finished("a", summary=summary_of(["a"]))
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "stplay", *arguments],
            env=os.environ | {"PYTHONUNBUFFERED": "" if buffered else "1"},
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


def test_help_names_the_commands() -> None:
    done = run_stplay("--help")
    for command in ("eval", "evaluations", "wrong"):
        assert re.search(rf"^ +{command}\s+\w", done.stdout, re.MULTILINE), command


@pytest.mark.parametrize(("models", "columns"), [(2, "90"), (3, "120"), (6, "100")])
def test_long_names_of_models_stay_different_and_figures_whole(
    home: Path, models: int, columns: str
) -> None:
    names = [f"/home/someone/models/experiment-{name}/checkpoint-100" for name in "abcdef"[:models]]
    finished(*names)
    for arguments in (("evaluations",), ("evaluations", "sample-1")):
        shown = run_stplay(*arguments, env={"COLUMNS": columns}).stdout
        for name in "abcdef"[:models]:
            assert re.search(rf"…\S*{name}/checkpoint-100", shown), shown
        assert shown.count("0.750") >= models
        assert re.search(r"\d…", shown) is None, "no figure is cut"
