"""How fast the fast engine trains, evaluates and encodes, beside the library's own path.

Figures of training are those of whole processes as a user starts them, taken by turns in one run:
seconds from one logged step to the next, with the reading of data, and the most memory it took.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pytest
from cardmodel import HEADS, INNER, LAYERS, WIDTH, make_card_model, real_sentences

from stplay import home as homes
from stplay.jobs.eventlog import EventReader
from stplay.jobs.events import Evaluated, TrainLogged
from stplay.runs import recipe
from stplay.runs.run import Run
from stplay.sources import minilm
from stplay.sources.datasources import COLUMNS

# As on a user's machine: the tests have one thread each.
os.environ.pop("OMP_NUM_THREADS", None)

ENCODED = 10_000
DEV_ROWS = 1000


class Shape(NamedTuple):
    """A row of the table: what is trained, for how many steps, and the aims."""

    title: str
    vocabulary: int
    batch: int
    steps: int
    rounds: int
    times: float
    memory: float


SHAPES = (
    Shape("the card: vocabulary 250,002, 16 triplets", 250_002, 16, 9, 2, 3.0, 2 / 3),
    Shape("the same, vocabulary 30,522", 30_522, 16, 9, 2, 2.2, 1.0),
    Shape("batch 256, mini-batch 32, vocabulary 250,002", 250_002, 256, 4, 1, 1.6, 1.0),
)


class Measured(NamedTuple):
    """What one process took."""

    seconds: list[float]
    memory: int
    tokens: float | None


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, snli: Path) -> dict[int, Path]:
    """Blank models of the card's shape, by their vocabulary."""
    sentences = real_sentences(snli)
    return {
        size: make_card_model(tmp_path_factory.mktemp(f"card-{size}"), size, sentences)
        for size in {shape.vocabulary for shape in SHAPES}
    }


def run_process(run: Run) -> int:
    """Do the training of ``run`` in its own process; the most memory it took, in bytes."""
    with run.worker_log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "stplay.engine.train", str(run.folder)],
            env=homes.environment(),
            stdout=log,
            stderr=log,
        )
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, run.worker_log_path.read_text()[-2000:]
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def train(base: Path, snli: Path, engine: str, batch: int, steps: int, **more: Any) -> Run:
    """A run of a few steps on the real triplets."""
    values: dict[str, dict[str, Any]] = {
        "model": {"base": str(base)},
        "data": {"train": str(snli / "dev.jsonl")} | more.pop("data", {}),
        "loss": {"mini_batch_size": 32},
        "training": {
            "engine": engine,
            "max_steps": steps,
            "per_device_train_batch_size": batch,
            "learning_rate": 5e-5,
            "logging_steps": 1,
            "save_steps": 1000,
        },
        "evaluation": {"test_at_end": False} | more,
    }
    return Run.create(recipe.build(values, "the benchmark"), None, f"bench-{engine}")


def measure_steps(base: Path, snli: Path, engine: str, shape: Shape) -> Measured:
    """The seconds of every step but the first few, which take longer."""
    run = train(base, snli, engine, shape.batch, shape.steps)
    memory = run_process(run)
    logged = [event for event in EventReader(run.events_path).read() if type(event) is TrainLogged]
    times = [event.time for event in logged]
    skipped = min(2, len(times) - 3)
    seconds = [b - a for a, b in zip(times[skipped:], times[skipped + 1 :], strict=False)]
    started = run.read_log().started
    assert started is not None
    assert started.engine is not None
    return Measured(seconds, memory, started.engine.batch_tokens)


def floor_seconds(tokens: int, layers: int = LAYERS, *, training: bool = True) -> float:
    """The time of the bare matrix products of ``tokens``: forward and, in training, both back."""
    import torch

    shapes = [(WIDTH, WIDTH)] * 4 + [(WIDTH, INNER), (INNER, WIDTH)]
    states = {width: torch.randn(tokens, width) for width in (WIDTH, INNER)}
    weights = [torch.randn(out, given) for given, out in shapes]

    def products() -> float:
        begun = time.perf_counter()
        for _ in range(layers):
            for (given, out), weight in zip(shapes, weights, strict=True):
                torch.mm(states[given], weight.T)
                if not training:
                    continue
                torch.mm(states[out], weight)
                torch.mm(states[out].T, states[given])
        return time.perf_counter() - begun

    products()
    return median(products() for _ in range(5))


def tokenizing_seconds(base: Path, rows: list[dict[str, str]]) -> float:
    """What it takes, a triplet, to tokenize before the training."""
    from sentence_transformers import SentenceTransformer

    from stplay.engine.packed.packedmodel import PackedModel

    packed = PackedModel(SentenceTransformer(str(base), device="cpu"))
    sentences = [row[column] for row in rows for column in COLUMNS]
    begun = time.perf_counter()
    packed.tokenize(sentences)
    return (time.perf_counter() - begun) / len(rows)


def dev_evaluation(base: Path, snli: Path, engine: str) -> float:
    """The seconds of one dev evaluation with its loss, from its first word to its figures."""
    run = train(
        base,
        snli,
        engine,
        16,
        1,
        data={"dev": str(snli / "dev.jsonl"), "dev_rows": DEV_ROWS},
        eval_on_start=False,
        eval_strategy="steps",
        eval_steps=1,
        per_device_eval_batch_size=16,
    )
    run_process(run)
    events = EventReader(run.events_path).read()
    begun = next(event.time for event in events if isinstance(event, TrainLogged))
    return next(e.time - begun for e in events if isinstance(e, Evaluated) and e.time > begun)


def machine() -> str:
    """The processor's name, as far as the system tells."""
    known = Path("/proc/cpuinfo")
    lines = known.read_text().splitlines() if known.is_file() else []
    names = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    return " ".join([*names[:1], platform.machine()])


def printed(capsys: pytest.CaptureFixture[str], line: str) -> None:
    with capsys.disabled():
        print(line, flush=True)


@pytest.mark.timeout(1200)
def test_training_steps(
    home: Path,
    models: dict[int, Path],
    snli: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import torch

    from stplay.engine.worker.libraries import versions

    rows = [json.loads(line) for line in (snli / "dev.jsonl").read_text().splitlines()]
    printed(capsys, f"\n{machine()}, {torch.get_num_threads()} threads, float32")
    printed(capsys, "  ".join(f"{name} {version}" for name, version in versions().items()))
    printed(capsys, f"{LAYERS} layers, {WIDTH} wide, {HEADS} heads, dropout 0.1, real SNLI text")
    for shape in SHAPES:
        base = models[shape.vocabulary]
        found: dict[str, list[Measured]] = {"stock": [], "fast": []}
        for number in range(shape.rounds):
            for engine in ("stock", "fast") if number % 2 == 0 else ("fast", "stock"):
                found[engine].append(measure_steps(base, snli, engine, shape))
        seconds = {
            engine: median(second for one in measured for second in one.seconds)
            for engine, measured in found.items()
        }
        seconds["fast"] += shape.batch * tokenizing_seconds(base, rows)
        memory = {engine: max(one.memory for one in ones) for engine, ones in found.items()}
        tokens = found["fast"][0].tokens
        assert tokens is not None
        floor = floor_seconds(round(tokens))
        printed(capsys, f"\n{shape.title}, {tokens:,.0f} tokens a step")
        for engine in found:
            printed(
                capsys,
                f"  {engine:6}{seconds[engine]:8.2f} s/step{memory[engine] / (1 << 20):10,.0f} MiB",
            )
        times, share = seconds["stock"] / seconds["fast"], memory["fast"] / memory["stock"]
        printed(
            capsys,
            f"  {times:.2f} times as fast (aim {shape.times}), {share:.2f} of the memory (aim "
            f"{shape.memory:.2f}); bare products {floor:.2f} s, {seconds['fast'] / floor:.2f} "
            "times that (aim 1.50)",
        )


def test_dev_evaluation(
    home: Path, models: dict[int, Path], snli: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = models[30_522]
    taken: dict[str, list[float]] = {"stock": [], "fast": []}
    for engine in ("stock", "fast", "fast", "stock"):
        taken[engine].append(dev_evaluation(base, snli, engine))
    stock, fast = (median(taken[engine]) for engine in ("stock", "fast"))
    printed(
        capsys,
        f"\ndev evaluation with loss, {DEV_ROWS:,} triplets: stock {stock:.2f} s, fast {fast:.2f} "
        f"s, {stock / fast:.2f} times as fast (aim 2.5)",
    )


def test_encoding(snli: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not minilm.is_installed():
        pytest.skip("stplay[offline] is not installed")
    from sentence_transformers import SentenceTransformer

    from stplay.engine.packed.sentenceencoder import SentenceEncoder

    model = SentenceTransformer(str(minilm.checked_folder()), device="cpu")
    sentences = real_sentences(snli)[:ENCODED]
    encoder = SentenceEncoder(model)
    model.encode(sentences[:64])
    encoder.encode(sentences[:256])
    taken: dict[str, list[float]] = {"stock": [], "fast": []}
    for name in ("stock", "fast", "fast", "stock"):
        begun = time.perf_counter()
        if name == "stock":
            model.encode(sentences, show_progress_bar=False)
        else:
            encoder.encode(sentences)
        taken[name].append(time.perf_counter() - begun)
    stock, fast = (median(taken[name]) for name in ("stock", "fast"))
    tokenized = encoder.prepare(sentences).tokenized
    assert tokenized is not None
    assert encoder.packed is not None
    together = encoder.most_tokens
    batches = sum(map(len, tokenized.sentences)) / together
    layers = encoder.packed.transformer.config.num_hidden_layers
    floor = batches * floor_seconds(together, layers, training=False)
    printed(
        capsys,
        f"\nencoding {len(sentences):,} sentences, all-MiniLM-L6-v2: stock {stock:.2f} s, fast "
        f"{fast:.2f} s, {stock / fast:.2f} times as fast (aim 1.5); bare products {floor:.2f} s, "
        f"{fast / floor:.2f} times that",
    )
