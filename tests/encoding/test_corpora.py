"""The corpora that are kept on the disk: listed and removed by the real command."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import Command
from mistakes import assert_mistake

from stplay.encoding import corpora
from stplay.encoding.protocol import CorpusFacts


def keep(source: str, hours: float = 0) -> CorpusFacts:
    """A corpus of two sentences, last used so many ``hours`` ago."""
    name = corpora.key("mine", {source: 0})
    with corpora.CorpusBuilding(name, {"a cat": 0, "a dog": 1}, 2, 3) as building:
        building.append(np.ones((2, 3), np.float32), [0, 7])
        facts = building.finish("builtin:minilm", source)
    used = time.time() - 3600 * hours
    os.utime(folder_of(facts) / "facts.json", (used, used))
    return facts


def folder_of(facts: CorpusFacts) -> Path:
    return Path(os.environ["STPLAY_HOME"]) / "cache" / "corpora" / facts.key


def test_what_is_kept_is_listed_and_using_it_counts(stplay: Command) -> None:
    assert stplay("corpora").stdout == "No corpus is kept.\n"
    old, new = keep("/data/old\x1b[2J.txt", hours=5), keep("/data/new.txt", hours=3)
    lines = stplay("corpora").stdout.splitlines()
    assert [line[:8] for line in lines] == [new.key[:8], old.key[:8]]
    assert lines[0].endswith("2 rows  used 3 h 00 min ago  builtin:minilm  /data/new.txt")
    assert "\x1b" not in lines[1]
    corpora.Corpus(old.key)
    lines = stplay("corpora").stdout.splitlines()
    assert lines[0].startswith(old.key[:8])
    assert not re.search(r"used \d+ h ", lines[0])  # of seconds, or of minutes on a busy machine


def test_one_is_removed_and_then_all(stplay: Command) -> None:
    first, second, third = (keep(f"{number}.txt") for number in range(3))
    opened = corpora.Corpus(first.key)
    done = stplay("corpora", "--remove", first.key[:8])
    assert done.stdout.startswith(first.key[:8])
    assert "removed" in done.stdout
    assert not folder_of(first).exists()
    assert opened.neighbours(np.ones(3, np.float32), 1, "cosine")[0].text == "a cat"
    assert len(stplay("corpora", "--clear").stdout.splitlines()) == 2
    assert not folder_of(second).exists()
    assert not folder_of(third).exists()


def test_clearing_frees_what_a_killed_process_left(stplay: Command) -> None:
    left, made = (folder_of(keep(name)).with_suffix(".partial") for name in "ab")
    for folder in (left, made):
        folder.mkdir()
        (folder / "embeddings.npy").write_bytes(b"half")
    for path in (left / "embeddings.npy", left):
        os.utime(path, (0, 0))
    stplay("corpora", "--clear")
    assert not left.exists()
    assert made.exists(), "somebody is at work on it"


@pytest.mark.parametrize("start", ["", "zz", "../x\x1b"])
def test_mistakes(stplay: Command, start: str) -> None:
    keep("a.txt")
    assert_mistake(stplay("corpora", "--remove", start), "No corpus begins with")


def test_what_was_not_read_is_kept(home: Path) -> None:
    facts = keep("a.txt")
    assert facts.cut == 1
    found = corpora.Corpus(facts.key).neighbours(np.ones(3, np.float32), 2, "cosine")
    assert [one.cut for one in found] == [0, 7]
