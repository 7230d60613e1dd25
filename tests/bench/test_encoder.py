"""How fast the encoder answers, beside the library in this very process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median, quantiles

import psutil
import pytest

from stplay.encoding import encoders
from stplay.encoding.client import Encoder
from stplay.similarities import SIMILARITIES

MODEL = "builtin:minilm"
CARD = ["a baby smiling", "A baby is unhappy.", "The dog has big ears."]
TYPED = 200
CORPUS = 10_000

# As on a user's machine, but the library's threads wait as ours do: spinning, on cores that others
# use too, they are up to 20 times as slow.
os.environ.pop("OMP_NUM_THREADS", None)
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


pytestmark = pytest.mark.usefixtures("warm_home")


def told(seconds: list[float]) -> str:
    last = quantiles(seconds, n=20)[-1]
    return f"median {median(seconds) * 1000:6.1f} ms, 95th percentile {last * 1000:6.1f} ms"


async def test_a_typed_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    from sentence_transformers import SentenceTransformer

    from stplay.sources import minilm

    bare = SentenceTransformer(str(minilm.checked_folder()), device="cpu")
    client = Encoder(MODEL)
    text = [f"Sentence number {number} stays as it is." for number in range(9)]
    await client.encode(text)
    bare.encode(text)
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(TYPED):
        sentence = f"A sentence that is being typed, {number}"
        begun = time.perf_counter()
        await client.encode([*text, sentence])
        ours.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        bare.encode([sentence])
        theirs.append(time.perf_counter() - begun)
    await client.close()
    with capsys.disabled():
        print(f"\nOne of 10 sentences changed, {TYPED} times, {os.cpu_count()} cores")
        print(f"  through the encoder       {told(ours)}")
        print(f"  bare encode([sentence])   {told(theirs)}")
        print(f"  ratio of the medians      {median(ours) / median(theirs):.2f}")


async def test_a_corpus(tmp_path: Path, snli: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sentence_transformers import SentenceTransformer

    from stplay.sources import minilm

    found: dict[str, None] = {}
    with (snli / "dev.jsonl").open(encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            found |= dict.fromkeys((row["anchor"], row["positive"], row["negative"]))
    sentences = list(found)[:CORPUS]
    path = tmp_path / "corpus.txt"
    path.write_text("\n".join(sentences), encoding="utf-8")
    client = Encoder(MODEL)
    await client.start()
    process = psutil.Process((await encoders.warm())[0].pid)
    used = sum(process.cpu_times()[:2])
    begun = time.perf_counter()
    facts = await client.load_corpus(str(path), None, lambda *_: None)
    ours = time.perf_counter() - begun
    ours_used = sum(process.cpu_times()[:2]) - used
    begun = time.perf_counter()
    await client.load_corpus(str(path), None, lambda *_: None)
    again = time.perf_counter() - begun
    bare = SentenceTransformer(str(minilm.checked_folder()), device="cpu")
    begun, used = time.perf_counter(), time.process_time()
    bare.encode(sentences, show_progress_bar=False)
    theirs, theirs_used = time.perf_counter() - begun, time.process_time() - used
    await client.encode(CARD)
    nearest: dict[str, list[float]] = {}
    for metric in SIMILARITIES:
        await client.neighbours(facts.key, CARD[0], 10, metric)
        nearest[metric] = []
        for number in range(60):
            begun = time.perf_counter()
            await client.neighbours(facts.key, CARD[number % 3], 10, metric)
            nearest[metric].append(time.perf_counter() - begun)
    await client.close()
    with capsys.disabled():
        print(f"\nA corpus of {facts.distinct:,} real sentences, {facts.disk / 2**20:.0f} MiB")
        print(f"  encoded by stplay         {facts.distinct / ours:6.0f} sentences/s")
        print(f"  SentenceTransformer       {facts.distinct / theirs:6.0f} sentences/s")
        print(f"  ratio                     {theirs / ours:6.2f}  (aim: at least 1.5)")
        print(f"  ratio in processor time   {theirs_used / ours_used:6.2f}")
        print(f"  loaded again              {again * 1000:6.0f} ms")
        for metric, seconds in nearest.items():
            print(f"  10 neighbours, {metric:10} {told(seconds)}  (aim: under 20 ms)")


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-m", "stplay", "sim", "--model", MODEL, *CARD[:2]]
    seconds: list[float] = []
    for _ in range(21):
        begun = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds.append(time.perf_counter() - begun)
    with capsys.disabled():
        print(f"\nstplay sim, warm: {told(seconds[1:])}  (aim: well under 500 ms)")
