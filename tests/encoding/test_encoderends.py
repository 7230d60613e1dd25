"""How an encoding process ended, or what it said: the last sentence about it is true."""

from __future__ import annotations

import os
import re
from pathlib import Path

import fakeencoder
import pytest

from stplay.encoding import encoders, protocol
from stplay.encoding.client import Encoder
from stplay.errors import UserError

MODEL = "builtin:minilm"

SILENT = r"; it printed nothing into \S+\.log"

ENDS = {
    "killed": r"died again: it was killed .* memory ran out\)" + SILENT,
    "exit": "died again: it ended with exit code 7" + SILENT,
    "crash": "died again: it ended with exit code 1; the last error .* KeyError: 'layers'; its",
    "stopped": "died again: it was told to end" + SILENT,
    "hangs up": "died again: it is there, but has hung up" + SILENT,
    "no start": r"could not start: it ended with exit code 1; the last error .* no such luck; its",
    "infinite": "answered what no stplay of this version can read" + SILENT,
    "long": "answered what no stplay of this version can read" + SILENT,
    "noise": "answered what no stplay of this version can read" + SILENT,
    "another answer": "answered what no stplay of this version can read" + SILENT,
    "other embeddings": "answered what no stplay of this version can read" + SILENT,
}


@pytest.fixture
def fake(home: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    folder = Path(fakeencoder.__file__).parent
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )
    monkeypatch.setattr(encoders, "MODULE", "fakeencoder")
    monkeypatch.setattr(encoders, "END_SECONDS", 1.0)
    return monkeypatch


@pytest.mark.parametrize(("kind", "told"), ENDS.items(), ids=ENDS)
async def test_the_end_is_told_as_it_was(fake: pytest.MonkeyPatch, kind: str, told: str):
    fake.setenv("FAKE", kind)
    client = Encoder(MODEL)
    try:
        with pytest.raises(UserError) as raised:
            await client.encode(["a"])
    finally:
        await client.close()
        for child in encoders._launched.values():
            child.kill()
            child.wait()
    assert re.search(told, raised.value.sentence), raised.value.sentence
    assert raised.value.sentence.startswith(f"The encoder of {MODEL} ")
    if kind != "killed":
        assert "kill" not in raised.value.sentence
        assert "memory" not in raised.value.sentence
    for word in ("Expected", "frame", "$."):
        assert word not in raised.value.sentence, "the decoder's words"


async def test_who_started_it_knows_how_it_ended_and_nobody_else(fake: pytest.MonkeyPatch):
    fake.setenv("FAKE", "killed")
    fake.setattr(encoders, "_launched", {})
    child = encoders.launch(encoders.address(MODEL), "")
    encoders._launched.clear()
    child.kill()
    child.wait()
    assert (
        encoders.ended_words(child.pid)
        == "ended, and only the program that had started it knows how"
    )


def test_what_cannot_be_read_is_not_said():
    class Deaf:
        def write(self, data: bytes) -> None:
            raise AssertionError("it was sent")

    for message in (
        protocol.ModelFacts("m", None, 2, float("inf"), "cosine", False, "cpu", False),  # type: ignore[arg-type]
        protocol.Embedded(1, 2, [["a"]], [0.5], 0.0),  # type: ignore[list-item]
        protocol.LoadCorpus(1, b"x", None),  # type: ignore[arg-type]
    ):
        with pytest.raises(protocol.ProtocolError):
            protocol.write(Deaf(), message)  # type: ignore[arg-type]
