"""``stplay sim`` and ``stplay encoders``, the real commands."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import run_stplay
from mistakes import assert_mistake
from samplerun import finished_run
from terminal import Terminal
from widemodel import make_wide_model

from stplay.cli import main
from stplay.similarities import SIMILARITIES

CARD = ["a baby smiling", "A baby is unhappy.", "The dog has big ears."]

pytestmark = pytest.mark.usefixtures("warm_home")


AS_ASKED = "stplay: builtin:minilm (all-MiniLM-L6-v2) answers, as asked.\n"
LONG = "word " * 300  # 254 of them are read


def sim(*arguments: str, told: str = "", **options: Any) -> str:
    """What ``stplay sim`` prints with ``builtin:minilm``; ``told`` is the rest of its stderr."""
    done = run_stplay("sim", "--model", "builtin:minilm", *arguments, **options)
    assert (done.returncode, done.stderr) == (0, AS_ASKED + told)
    return done.stdout


def test_one_pair_is_one_number():
    assert sim(*CARD[:2]) == "0.7420\n"
    assert sim("the same", "the same") == "1.0000\n"
    assert sim("the same", "the same", "--metric", "euclidean") == "0.0000\n"


def test_more_are_a_table():
    assert sim(*CARD).splitlines() == [
        "           1      2      3",
        "    1 1.0000 0.7420 0.1600  a baby smiling",
        "    2 0.7420 1.0000 0.1102  A baby is unhappy.",
        "    3 0.1600 0.1102 1.0000  The dog has big ears.",
    ]


def test_sentences_come_from_a_file_and_from_a_pipe(tmp_path: Path):
    file = tmp_path / "sentences.txt"
    file.write_text(f"\ufeff{CARD[0]}\r\n\n{CARD[1]}\n", encoding="utf-8")
    assert sim("--file", str(file)) == "0.7420\n"
    assert sim(CARD[2], "--file", str(file), "--format", "json").count("The dog") == 1
    assert sim(input="\n".join(CARD[:2])) == "0.7420\n"


def test_what_was_not_read_is_told_and_marked(tmp_path: Path):
    told = (
        "stplay: sentence 2 was cut after 254 tokens; 47 more were not read (builtin:minilm reads "
        "256, special ones among them).\n"
    )
    assert sim("word", LONG + "end", told=told) != "1.0000\n"
    both = told.replace("sentence 2 was", "2 sentences (1, 2) were").replace(
        "47 more", "47 more of each"
    )
    assert sim(LONG + "end", LONG + "other", told=both) == "1.0000\n", "what differs is not read"
    table = sim("word", LONG + "end", "a cat", told=told).splitlines()
    assert [line.endswith("  [47 tokens not read]") for line in table[1:]] == [False, True, False]
    found = json.loads(sim("word", LONG + "end", "--format", "json", told=told))
    assert (found["tokens"], found["cut"]) == ([1, 254], [0, 47])
    assert len(sim("word", LONG + "end", "--format", "csv", told=told).splitlines()) == 3
    corpus = tmp_path / "corpus.txt"
    corpus.write_text(f"a cat\n{LONG}\n", encoding="utf-8")
    told = "stplay: 1 of the sentences found was cut as well.\n"
    lines = sim("--against", str(corpus), "word", told=told).splitlines()
    assert [line.endswith("  [46 tokens not read]") for line in lines] == [True, False]
    found = json.loads(sim("--against", str(corpus), "word", "--format", "json", told=told))
    assert [one["cut"] for one in found["queries"][0]["neighbours"]] == [46, 0]


def test_lines_end_alike_wherever_sentences_come_from(tmp_path: Path):
    """A form feed, U+0085 and U+2028 are no line ends: sim once made seven sentences of these."""
    four = ["one\x0cpage", "next\x85line", "line\u2028separator", "a\x1cb\x0bc"]
    file = tmp_path / "four.txt"
    file.write_bytes("\r\n".join(four).encode())
    found = json.loads(sim("--file", str(file), "--format", "json"))
    assert found["sentences"] == four
    piped = subprocess.run(
        [sys.executable, "-m", "stplay", "sim", "--model=builtin:minilm", "--format=json"],
        input=file.read_bytes(),
        capture_output=True,
    )
    assert json.loads(piped.stdout) == found
    near = json.loads(sim("--against", str(file), "page", "--format=json"))["queries"][0]
    assert sorted(one["text"] for one in near["neighbours"]) == sorted(four)


def test_the_default_and_why(home: Path):
    """After ``make play`` the newest finished run is a toy on synthetic data: it once answered."""
    run = finished_run("sample-1")
    make_wide_model(run.folder / "model")
    done = run_stplay("sim", "a cat", "a kitten")
    assert (done.stdout, done.stderr) == (
        "0.7663\n",
        "stplay: builtin:minilm (all-MiniLM-L6-v2) answers: no finished run on real data is here "
        "(run:sample-1: synthetic data).\n",
    )
    real = finished_run("real", synthetic=False)
    make_wide_model(real.folder / "model")
    done = run_stplay("sim", "a cat", "a kitten", "--format", "json")
    why = "it is the newest finished run on real data"
    assert done.stderr == f"stplay: run:real answers: {why}.\n"
    assert (json.loads(done.stdout)["model"], json.loads(done.stdout)["why"]) == ("run:real", why)
    run_stplay("encoders", "--stop")


@pytest.mark.parametrize("metric", SIMILARITIES)
def test_the_formats_tell_the_same(metric: str):
    found = json.loads(sim(*CARD, "--metric", metric, "--format", "json"))
    assert list(found) == ["model", "metric", "sentences", "why", "tokens", "cut", "matrix"]
    assert (found["model"], found["metric"]) == ("builtin:minilm", metric)
    assert (found["why"], found["tokens"], found["cut"]) == ("as asked", [3, 5, 6], [0, 0, 0])
    assert found["sentences"] == CARD
    matrix = np.array(found["matrix"], np.float32)
    assert matrix.shape == (3, 3)
    _, *rows = csv.reader(io.StringIO(sim(*CARD, "--metric", metric, "--format", "csv")))
    assert np.array_equal(np.array([row[1:] for row in rows], np.float32), matrix)
    command = [sys.executable, "-m", "stplay", "sim", "--model=builtin:minilm", "--format=npy"]
    done = subprocess.run([*command, "--metric", metric, *CARD], capture_output=True, timeout=60)
    assert np.array_equal(np.load(io.BytesIO(done.stdout)), matrix)


def test_neighbours_in_a_corpus(tmp_path: Path):
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join([*CARD, "An infant laughs.", "\x1b[2Jred"]), encoding="utf-8")
    lines = sim("--against", str(corpus), CARD[0], "-k", "3").splitlines()
    assert lines[0] == "1.0000  a baby smiling"
    assert {line[8:] for line in lines[1:]} == {"A baby is unhappy.", "An infant laughs."}
    assert len(sim("--against", str(corpus), *CARD[:2], "-k2").splitlines()) == 7
    found = json.loads(sim("--against", str(corpus), *CARD[:2], "-k2", "--format=json"))
    assert found["queries"][1]["neighbours"][0] == {
        "row": 1,
        "text": CARD[1],
        "score": 1.0,
        "cut": 0,
    }
    _, *rows = csv.reader(
        io.StringIO(sim("--against", str(corpus), CARD[2], "-k1", "--format=csv"))
    )
    assert rows == [[CARD[2], "1.0", "2", CARD[2]]]
    assert "\x1b" not in sim("--against", str(corpus), "red")
    table = tmp_path / "rows.tsv"
    table.write_text("id\ttext\n1\ta cat\n2\ta dog\n", encoding="utf-8")
    assert sim("--against", str(table), "--column", "text", "a dog", "-k1") == "1.0000  a dog\n"


def test_an_untrained_model_is_told(warm_home: Path):
    done = run_stplay("sim", "--model", "builtin:tiny", "a cat", "a dog")
    assert done.returncode == 0
    assert float(done.stdout) <= 1
    assert done.stderr == (
        "stplay: builtin:tiny answers, as asked.\n"
        "stplay: builtin:tiny is untrained: what it finds alike means nothing.\n"
    )
    listed = run_stplay("encoders").stdout
    assert "builtin:tiny  process" in listed


def test_a_pickle_is_read_only_where_it_is_trusted(tmp_path: Path):
    import torch
    from safetensors.torch import load_file

    folder = make_wide_model(tmp_path / "pickled")
    weights = folder / "model.safetensors"
    torch.save(load_file(weights), folder / "pytorch_model.bin")
    weights.unlink()
    arguments = ("sim", "--model", str(folder), "a cat", "a dog")
    assert_mistake(run_stplay(*arguments), "allow it with --allow-pickle")
    done = run_stplay(*arguments, "--allow-pickle")
    assert done.returncode == 0, done.stderr
    assert -1 <= float(done.stdout) <= 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Two sentences are needed"),
        (("one",), "Two sentences are needed"),
        (("one", " "), "Two sentences are needed"),
        (("--against", "x.txt"), "A sentence is needed"),
        (("--against", "x.txt", "a", "-k", "0"), "from 1 upwards"),
        (("--against", "x.txt", "a"), "x.txt cannot be read: No such file"),
        (("--against", "x.txt", "a", "--format", "npy"), "no npy form"),
        (("--column", "x", "a", "b"), "--against"),
        (("--file", "./none"), "none cannot be read: No such file"),
        (("--model", "none", "a", "b"), "'none' names no model"),
        (("--model", "./none\x1b[2J", "a", "b"), "There is no model folder"),
        ((os.fsdecode(b"\xff"), "b"), "is not UTF-8 text"),
    ],
)
def test_mistakes(arguments: tuple[str, ...], told: str):
    model = () if "--model" in arguments else ("--model", "builtin:minilm")
    assert_mistake(run_stplay("sim", *model, *arguments, stdin=subprocess.DEVNULL), told)


def test_the_metrics_of_the_command_are_those_that_there_are():
    for metric in SIMILARITIES:
        assert main.parser().parse_args(["sim", "--metric", metric]).metric == metric
    with pytest.raises(SystemExit):
        main.parser().parse_args(["sim", "--metric", "jaccard"])


def test_on_a_terminal():
    with Terminal("sim", "--model", "builtin:minilm", "\x1b[31mred", "red", "blue") as terminal:
        terminal.wait_for("blue")
        assert terminal.wait_for_end() == 0
        assert "\ufffd[31mred" in terminal.text
    with Terminal("sim", "--model=builtin:minilm", "--format=npy", *CARD) as terminal:
        assert terminal.wait_for_end() == 2
        assert "npy is no text" in terminal.text


def test_a_reader_that_goes_away():
    command = [sys.executable, "-m", "stplay", "sim", "--model=builtin:minilm", "--format=csv"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stdin is not None
        process.stdin.write(b"".join(b"sentence %d\n" % number for number in range(150)))
        process.stdin.close()
        assert process.stderr is not None
        assert process.stderr.read().decode() == AS_ASKED
        assert process.wait(60) == 0


def test_an_interrupt_while_a_model_is_loaded(home: Path):
    command = [sys.executable, "-m", "stplay", "sim", "--model=builtin:minilm", *CARD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list(home.glob("runtime/*.sock")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert "builtin:minilm  process" in run_stplay("encoders").stdout, "it was interrupted too"
    assert "stopped" in run_stplay("encoders", "--stop").stdout
    assert run_stplay("encoders").stdout == "No encoder is warm.\n"
    assert list(home.glob("runtime/*.sock")) == []
