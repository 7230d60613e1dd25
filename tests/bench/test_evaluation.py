"""How fast triplets are judged beside the library's evaluator, and how much memory it takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import psutil
import pytest
from conftest import write_triplets

from stplay import home
from stplay.evaluations.evaluation import Evaluation, Request
from stplay.sources import minilm
from stplay.sources.datasources import COLUMNS

ROWS = 1000
RUNS = 3
ALL_NLI_TEST_ROWS = 6609
TIMES = 20


def test_speed(tmp_path: Path, snli: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All four similarities, kept on disk, against the library's defaults: cosine alone."""
    if not minilm.is_installed():
        pytest.skip("stplay[offline] is not installed")
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.evaluation import TripletEvaluator

    from stplay.engine.evaluation.evaluationsplit import EvaluationSplit
    from stplay.engine.packed.sentenceencoder import SentenceEncoder
    from stplay.engine.worker.device import device_name
    from stplay.engine.worker.stages import Stages
    from stplay.jobs.eventlog import EventWriter

    model = SentenceTransformer(str(minilm.checked_folder())).eval()
    stages = Stages(EventWriter(Path(os.devnull)))
    lines = (snli / "dev.jsonl").read_text(encoding="utf-8").splitlines()[:ROWS]
    rows = [json.loads(line) for line in lines]
    anchors, positives, negatives = ([row[name] for row in rows] for name in COLUMNS)
    data = str(snli / "dev.jsonl")

    def ours() -> float:
        split = EvaluationSplit(data, "dev", ROWS, tmp_path / "t.parquet", tmp_path, stages)
        right, _ = split.judge(SentenceEncoder(model), tmp_path / "s.parquet", lambda done: None)
        return right["cosine"] / ROWS

    def library() -> float:
        return TripletEvaluator(anchors, positives, negatives)(model)["cosine_accuracy"]

    model.encode(anchors[:64])
    taken: dict[str, list[float]] = {"ours": [], "library": []}
    found: dict[str, float] = {}
    for number in range(RUNS):
        pair = [("ours", ours), ("library", library)]
        for name, judge in pair if number % 2 else reversed(pair):
            start = time.perf_counter()
            found[name] = judge()
            taken[name].append(time.perf_counter() - start)
    assert found["ours"] == pytest.approx(found["library"], abs=1e-6)
    ratio = median(a / b for a, b in zip(taken["ours"], taken["library"], strict=True))
    with capsys.disabled():
        print(
            f"\n{ROWS:,} real triplets, all-MiniLM-L6-v2, {device_name(model.device)}, median of "
            f"{RUNS} paired runs"
        )
        for name, seconds in taken.items():
            print(f"  {name:8} {median(seconds):6.2f} s")
        print(f"  ours takes {ratio:.2f} of the library's time  (aim: 0.50)")


def peak_memory(data: Path) -> tuple[int, float]:
    """The most memory, in bytes, and the time that the evaluation process takes for ``data``."""
    evaluation = Evaluation.create(Request(["builtin:tiny"], str(data)))
    start, most = time.perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "stplay.engine.evaluate", str(evaluation.folder)],
        env=home.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            most = max(most, watched.memory_info().rss)
        except psutil.Error:  # it has just ended
            break
        time.sleep(0.01)
    assert process.wait() == 0, evaluation.read_log().error
    assert evaluation.summary().splits[0].rows > 0
    return most, time.perf_counter() - start


def test_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STPLAY_HOME", str(tmp_path / "home"))
    rows = ALL_NLI_TEST_ROWS
    once = write_triplets(tmp_path / "once.jsonl", rows)
    repeated = tmp_path / "repeated.jsonl"
    repeated.write_text(once.read_text(encoding="utf-8") * TIMES, encoding="utf-8")
    distinct = write_triplets(tmp_path / "distinct.jsonl", 4 * rows)
    peak_memory(write_triplets(tmp_path / "warm.jsonl", 10))  # makes the model
    base, _ = peak_memory(once)
    with capsys.disabled():
        print(f"\nPeak memory of the evaluation process, builtin:tiny: {base >> 20:,} MiB for")
        print(f"  {rows:,} rows")
        for path, words in (
            (repeated, f"{TIMES * rows:,} rows, the same again"),
            (distinct, f"{4 * rows:,} rows, all distinct"),
        ):
            most, seconds = peak_memory(path)
            more = (most - base) / (1 << 20)
            print(f"  {words}: {most >> 20:,} MiB, {more:+,.0f} MiB, in {seconds:.0f} s")
        print("  aim: flat")
