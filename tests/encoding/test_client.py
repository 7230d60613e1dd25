"""The client of the encoding process, over real sockets to real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from livingprocesses import living
from widemodel import make_wide_model

from stplay import home
from stplay.encoding import encoders, protocol
from stplay.encoding.client import CorpusFacts, Encoder, Superseded
from stplay.errors import UserError
from stplay.similarities import SIMILARITIES

MODEL = "builtin:minilm"
CARD = ["a baby smiling", "A baby is unhappy.", "The dog has big ears."]
WORDS = ("cat", "dog", "horse", "sleeps", "runs", "in", "the", "garden", "street", "quietly")

pytestmark = pytest.mark.usefixtures("warm_home")

Told = list[tuple[str, int, "int | None"]]


def made(rows: int, words: int = 8, start: int = 0) -> list[str]:
    """Distinct sentences."""
    return [
        f"{number} " + " ".join(WORDS[(number * 7 + place * place) % 10] for place in range(words))
        for number in range(start, start + rows)
    ]


async def is_warm(model: str = MODEL) -> bool:
    return any(one.model == model for one in await encoders.warm())


async def process_of(model: str = MODEL) -> psutil.Process:
    (found,) = [one for one in await encoders.warm() if one.model == model]
    return psutil.Process(found.pid)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def until(condition, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def is_asking(client: Encoder) -> bool:
    """Whether a request of ``client`` was sent and not yet answered, once its model is loaded."""
    connection = client._connection
    return client.facts is not None and connection is not None and bool(connection._waiting)


async def is_at_work(process: psutil.Process) -> None:
    """Wait until ``process`` has begun with what it was asked for: it takes time of a core."""
    before = process.cpu_times().user
    await until(lambda: process.cpu_times().user > before + 0.1)


async def test_whoever_starts_at_once_shares_one_process(warm_home: Path):
    await encoders.stop_all()  # other tests share the home
    clients = [Encoder(MODEL) for _ in range(3)]
    told: Told = []
    facts = await asyncio.gather(
        clients[0].start(lambda *stage: told.append(stage)), *(one.start() for one in clients[1:])
    )
    assert facts[0] == facts[1] == facts[2]
    assert (facts[0].name, facts[0].dimensions, facts[0].max_tokens) == (MODEL, 384, 256)
    assert (facts[0].similarity, facts[0].untrained, facts[0].device) == ("cosine", False, "cpu")
    assert ("loading builtin:minilm", 0, None) in told
    found = living(encoders.MODULE, str(warm_home))
    assert [process.pid for process in found] == [(await process_of()).pid]
    assert os.getsid(found[0].pid) == found[0].pid, "it would die with the terminal"
    for one in clients:
        await one.close()
    await clients[0].start()
    assert (await process_of()).pid == found[0].pid
    await clients[0].close()


async def test_only_its_user_may_come_near():
    client = Encoder(MODEL)
    await client.start()
    place = encoders.address(MODEL)
    assert stat.S_IMODE(place.socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(place.socket.stat().st_mode) == 0o600
    place.socket.parent.chmod(0o755)
    encoders.address(MODEL)
    assert stat.S_IMODE(place.socket.parent.stat().st_mode) == 0o700
    await client.close()


async def test_only_new_sentences_are_encoded():
    client = Encoder(MODEL)
    first = await client.encode([*CARD, CARD[0]])
    assert first.sentences == [*CARD, CARD[0]]
    assert (first.embeddings.shape, first.embeddings.dtype) == ((4, 384), np.float32)
    assert np.array_equal(first.embeddings[0], first.embeddings[3])
    assert first.seconds > 0
    again = await client.encode(CARD[::-1])
    assert again.seconds == 0
    assert np.array_equal(again.embeddings, first.embeddings[2::-1])
    assert again.tokens[2] == ["a", "baby", "smiling"]
    assert again.dropped == [0, 0, 0]
    assert (await client.encode([])).embeddings.shape == (0, 384)
    await client.close()


async def test_the_newest_request_takes_the_place_of_those_that_wait(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[protocol.EncodingRequest] = []
    write = protocol.write
    monkeypatch.setattr(protocol, "write", lambda to, one: (asked.append(one), write(to, one)))
    client = Encoder(MODEL)
    await client.start()
    running = asyncio.create_task(client.encode(made(150, 60)))
    await until(lambda: is_asking(client))
    older = [asyncio.create_task(client.encode([f"a{number}"])) for number in range(5)]
    newest = asyncio.create_task(client.encode([*made(150, 60), "newest"]))
    found = await asyncio.gather(running, *older, newest, return_exceptions=True)
    assert [type(one) for one in found[1:-1]] == [Superseded] * 5
    assert found[0].embeddings.shape == (150, 384)  # pyright: ignore
    assert found[-1].embeddings.shape == (151, 384)  # pyright: ignore
    encoded = [request.sentences for request in asked if isinstance(request, protocol.Encode)]
    assert encoded == [made(150, 60), ["newest"]], "what was known was encoded again"
    await client.close()


@pytest.mark.usefixtures("unforked")
async def test_the_process_itself_replaces_what_waits():
    await encoders.stop_all()  # what is at work is seen by its time of a core, which is its own
    (reader, writer), _ = await encoders.reach(encoders.address(MODEL))
    protocol.write(writer, protocol.Open())
    while not isinstance((await protocol.read_answer(reader))[0], protocol.ModelFacts):
        pass
    protocol.write(writer, protocol.Encode(1, made(300, 60)))
    await is_at_work(await process_of())
    for number in (2, 3, 4):
        protocol.write(writer, protocol.Encode(number, ["a"]))
    answers = [(await protocol.read_answer(reader))[0] for _ in range(4)]
    told = {type(one): [] for one in answers}
    for one in answers:
        told[type(one)].append(one.id)  # pyright: ignore
    assert told == {protocol.Overtaken: [2, 3], protocol.Embedded: [1, 4]}
    writer.close()


async def test_cancelling_leaves_the_client_and_the_process_well():
    client = Encoder(MODEL)
    await client.start()
    running = asyncio.create_task(client.encode(made(100, 60, 1000)))
    await until(lambda: is_asking(client))
    running.cancel()
    assert (await client.encode(["still there"])).embeddings.shape == (1, 384)
    await client.close()


async def test_nonsense_harms_nobody():
    place = encoders.address(MODEL)
    for nonsense in (b"GET / HTTP/1.1\r\n\r\n", b"\0" * 12, b"\0\0\0\2" + b"\0" * 8 + b"\xc1\xc1"):
        (reader, writer), _ = await encoders.reach(place)
        writer.write(nonsense)
        await asyncio.wait_for(reader.read(), 10)
        writer.close()
    client = Encoder(MODEL)
    strange = ["\x1b[2J\x07\0", "", " ", "👩‍🚀 日本語 עברית a\u0301", "[bold]x[/]", "word " * 2000]
    found = await client.encode(strange)
    assert np.isfinite(found.embeddings).all()
    assert found.dropped == [0, 0, 0, 0, 0, 2000 - 254]
    assert len(found.tokens[-1]) == 254
    with pytest.raises(UserError, match="half a character"):
        await client.encode(["\ud83d"])
    assert (await client.encode(["fine"])).embeddings.shape == (1, 384)
    await client.close()


def write_lines(path: Path, sentences: list[str]) -> Path:
    path.write_text("\n".join(sentences) + "\n", encoding="utf-8")
    return path


async def load(client: Encoder, path: Path | str, column: str | None = None) -> CorpusFacts:
    return await client.load_corpus(str(path), column, lambda *_: None)


async def test_a_corpus_is_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    client, told = Encoder(MODEL), []
    sentences = [*CARD, "", *made(300), CARD[1]]
    path = write_lines(tmp_path / "corpus.txt", sentences)
    facts = await client.load_corpus(str(path), None, lambda *stage: told.append(stage))
    assert (facts.rows, facts.distinct) == (304, 303)
    assert facts.disk > 303 * 384 * 4
    assert told[-1] == ("encoding corpus.txt", 303, 303)

    folder = home.cache_folder() / "corpora" / facts.key
    written = (folder / "embeddings.npy").stat().st_mtime_ns
    monkeypatch.chdir(tmp_path)
    assert await load(client, "corpus.txt") == facts
    assert await load(Encoder(MODEL), path) == facts, "another client"
    assert (folder / "embeddings.npy").stat().st_mtime_ns == written
    path.write_text("another\n")
    assert (await load(client, path)).key != facts.key

    everything = await client.encode(sorted(set(sentences) - {""}))
    for metric in SIMILARITIES:
        found = await client.neighbours(facts.key, CARD[0], 5, metric)
        assert (found[0].row, found[0].text) == (0, CARD[0])
        from stplay.encoding.similarity import order_by, similarity_matrix

        matrix = similarity_matrix(everything.embeddings, everything.embeddings, metric)
        order = order_by(matrix, everything.sentences.index(CARD[0]))[:5]
        assert [one.text for one in found] == [everything.sentences[place] for place in order]
    assert (await client.neighbours(facts.key, CARD[1], 1, "cosine"))[0][:3] == (1, CARD[1], 1.0)
    assert len(await client.neighbours(facts.key, "unheard of", 1000, "cosine")) == 303
    await client.close()


async def test_a_corpus_is_a_column_too(tmp_path: Path):
    client = Encoder(MODEL)
    rows = [{"id": number, "text": text} for number, text in enumerate(CARD)]
    path = write_lines(tmp_path / "rows.jsonl", [json.dumps(row) for row in rows])
    with pytest.raises(UserError, match="has the columns id, text; choose one with --column"):
        await load(client, path)
    with pytest.raises(UserError, match="has no column words; it has id, text"):
        await load(client, path, "words")
    with pytest.raises(UserError, match="row 1 has 0 as its id; a sentence is needed"):
        await load(client, path, "id")
    facts = await load(client, path, "text")
    text = write_lines(tmp_path / "rows.txt", CARD)
    assert await load(client, text) == facts, "the same sentences"
    table = write_lines(tmp_path / "rows.csv", ["text", *CARD])
    assert await load(client, table) == facts, "the only column"
    with pytest.raises(UserError, match="has no columns"):
        await load(client, text, "text")
    with pytest.raises(UserError, match=r"none\.txt cannot be read: No such file"):
        await load(client, "none.txt")
    with pytest.raises(UserError, match="names no data"):
        await load(client, "none")
    with pytest.raises(UserError, match="has no sentences"):
        await load(client, write_lines(tmp_path / "empty.txt", ["", " "]))
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\0")
    with pytest.raises(UserError, match="begins as UTF-16 text, but is none"):
        await load(client, tmp_path / "binary.txt")
    await client.close()


async def test_a_query_and_a_corpus_bring_the_prompts_of_the_model(tmp_path: Path):
    folder = make_wide_model(tmp_path / "prompted")
    settings = {"prompts": {"query": "look for a horse: ", "document": "two cats say "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    client = Encoder(str(folder))
    facts = await load(client, write_lines(tmp_path / "corpus.txt", CARD))
    found = await client.neighbours(facts.key, CARD[0], 3, "cosine")
    plain = await client.encode(CARD)
    await client.close()

    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    expected = model.similarity(model.encode_query([CARD[0]]), model.encode_document(CARD))[0]
    assert [one.score for one in sorted(found)] == pytest.approx(expected.tolist(), abs=1e-5)
    alike = model.similarity(model.encode([CARD[0]]), model.encode(CARD))[0]
    assert abs(alike - expected).max() > 0.01
    assert plain.embeddings == pytest.approx(model.encode(CARD), abs=1e-5)


async def test_typing_goes_on_while_a_corpus_is_encoded_and_giving_it_up_leaves_nothing(
    tmp_path: Path,
):
    client, told = Encoder(MODEL), []
    await client.start()
    before = set((home.cache_folder() / "corpora").glob("*"))
    path = write_lines(tmp_path / "large.txt", made(20_000))
    loading = asyncio.create_task(
        client.load_corpus(str(path), None, lambda *stage: told.append(stage))
    )
    await until(lambda: told and told[-1][1] > 0 and told[-1][0].startswith("encoding"))
    assert any("partial" in path.suffix for path in (home.cache_folder() / "corpora").glob("*"))
    for number in range(3):
        assert (await client.encode([f"typed {number}"])).embeddings.shape == (1, 384)
    assert told[-1][1] < 20_000
    loading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loading
    await until(lambda: set((home.cache_folder() / "corpora").glob("*")) == before)
    # Neither does a client that is gone.
    lost = Encoder(MODEL)
    told.clear()
    loading = asyncio.create_task(
        lost.load_corpus(str(path), None, lambda *stage: told.append(stage))
    )
    await until(lambda: told and told[-1][0].startswith("encoding"))
    await lost.close()
    await until(lambda: set((home.cache_folder() / "corpora").glob("*")) == before)
    with pytest.raises(UserError, match="was closed"):
        await loading
    assert (await client.encode(["still there"])).embeddings.shape == (1, 384)
    await client.close()


async def test_a_process_that_is_killed_is_started_again_once():
    client = Encoder(MODEL)
    await client.start()
    killed = await process_of()
    running = asyncio.create_task(client.encode(made(300, 60)))
    await until(lambda: is_asking(client))
    killed.send_signal(signal.SIGKILL)
    assert (await running).embeddings.shape == (300, 384)
    assert (await process_of()).pid != killed.pid

    running = asyncio.create_task(client.encode(made(300, 60, 5000)))
    await until(lambda: is_asking(client))
    for _ in range(2):
        process = await process_of()
        process.send_signal(signal.SIGKILL)
        await until(lambda pid=process.pid: is_gone(pid))
        while not running.done() and not await is_warm():
            await asyncio.sleep(0.02)
    with pytest.raises(UserError, match=r"died again|could not start") as raised:
        await running
    assert ".log" in raised.value.sentence
    await client.close()


async def test_a_model_that_is_not_there_or_damaged(tmp_path: Path):
    with pytest.raises(UserError, match="There is no model folder"):
        await Encoder("./nowhere").start()
    with pytest.raises(UserError, match="There is no run 'none'"):
        await Encoder("run:none").start()
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(UserError, match="cannot be loaded"):
        await Encoder(str(tmp_path)).start()
    place = encoders.address(str(tmp_path))
    await until(lambda: not place.socket.exists())


def test_a_process_goes_away_when_nobody_wants_it(home: Path):
    place = encoders.address(MODEL)
    arguments = encoders.arguments(place, "fingerprint")
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", encoders.MODULE, *arguments, "--idle-seconds=0.5"], timeout=240
    )
    assert done.returncode == 0
    assert time.monotonic() - begun > 0.5
    assert not place.socket.exists()


async def test_a_process_goes_away_with_its_home(home: Path):
    streams, greeting = await encoders.reach(encoders.address(MODEL))
    home.rename(home.with_name("elsewhere"))
    await asyncio.wait_for(streams[0].read(), 20)  # to its end
    await until(lambda: is_gone(greeting.pid))


async def test_a_long_home_has_a_short_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STPLAY_HOME", str(tmp_path / ("long" * 30)))
    folder = encoders.socket_folder()
    try:
        assert len(os.fsencode(encoders.address(MODEL).socket)) <= encoders.MOST_PATH_BYTES
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert encoders.socket_folder() == folder
        folder.rmdir()
        folder.symlink_to(tmp_path)
        with pytest.raises(UserError, match="belongs to someone else"):
            encoders.socket_folder()
        folder.unlink()
        folder.mkdir()
    finally:
        folder.rmdir()
