"""The encoding process beside the library itself: the same figures, tokens and models."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding, Transformer
from transformers import AutoTokenizer, BertConfig, BertModel

from stplay.encoding import encoders, protocol
from stplay.encoding.client import Encoder
from stplay.encoding.similarity import similarity_matrix
from stplay.engine.data.corpussentences import read
from stplay.engine.encode import UNSPEAKABLE, Client, EncodingProcess
from stplay.engine.models.seentokens import SeenTokens
from stplay.engine.worker.stages import Stages
from stplay.jobs.eventlog import EventWriter
from stplay.similarities import SIMILARITIES
from stplay.sources.minilm import checked_folder

MODEL = "builtin:minilm"
CARD = ["a baby smiling", "A baby is unhappy.", "The dog has big ears."]

pytestmark = pytest.mark.usefixtures("warm_home")


@pytest.fixture(scope="module")
def minilm() -> SentenceTransformer:
    return SentenceTransformer(str(checked_folder()), device="cpu")


@pytest.mark.parametrize("metric", SIMILARITIES)
async def test_the_matrix_is_the_library_s(minilm: SentenceTransformer, metric: str):
    client = Encoder(MODEL)
    embeddings = (await client.encode(CARD)).embeddings
    await client.close()
    minilm.similarity_fn_name = metric  # pyright: ignore[reportAttributeAccessIssue]
    plain = minilm.encode(CARD)
    wanted = minilm.similarity(plain, plain).numpy()
    found = similarity_matrix(embeddings, embeddings, metric)
    if metric == "manhattan":  # its numbers are near 20, where a float is no finer
        np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=5e-6)
    elif metric == "euclidean":
        off = ~np.eye(3, dtype=bool)
        np.testing.assert_allclose(found[off], wanted[off], atol=1e-6)
    else:
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_the_tokens_are_those_that_the_model_saw(minilm: SentenceTransformer):
    texts = [*CARD, "unaffable 日本 👩‍🚀", "", "word " * 400]
    tokens, dropped = SeenTokens(minilm).of(texts)
    assert tokens[:2] == [["a", "baby", "smiling"], ["a", "baby", "is", "unhappy", "."]]
    assert tokens[3][:2] == ["una", "ffa"]
    assert dropped == [0, 0, 0, 0, 0, 400 - 254]
    special = set(minilm.tokenizer.all_special_ids) - {minilm.tokenizer.unk_token_id}
    for text, found in zip(texts, tokens, strict=True):
        seen = minilm.preprocess([text])["input_ids"][0].tolist()
        assert len(found) == sum(one not in special for one in seen)


def make_wide(folder: Path) -> Path:
    """A small model of 768 dimensions that was never trained."""
    config = BertConfig(
        hidden_size=768, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64
    )
    BertModel(config).save_pretrained(str(folder / "bert"))
    AutoTokenizer.from_pretrained(str(checked_folder())).save_pretrained(str(folder / "bert"))
    modules = [Transformer(str(folder / "bert")), Pooling(768)]
    SentenceTransformer(modules=modules, device="cpu").save(str(folder / "wide"))
    return folder / "wide"


async def test_a_changed_model_and_another_version_are_loaded_anew(tmp_path: Path):
    wide = make_wide(tmp_path)
    place = encoders.address(str(wide))
    # A process of an older stplay.
    older = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import stplay; stplay.__version__ = '0.0.1'\n"
            "from stplay.engine import encode; encode.main()",
            *encoders.arguments(place, encoders.fingerprint(str(wide))),
        ],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    while not place.socket.exists():
        assert older.poll() is None
    client = Encoder(str(wide))
    facts = await client.start()
    assert (facts.dimensions, facts.similarity) == (768, "cosine")
    assert older.wait(60) == 0
    before = await client.encode(CARD)
    assert before.embeddings.shape == (3, 768)

    settings = wide / "config_sentence_transformers.json"
    changed = json.loads(settings.read_text()) | {"similarity_fn_name": "dot"}
    Pooling(768, pooling_mode="cls").save(str(wide / "1_Pooling"))
    settings.write_text(json.dumps(changed))
    other = Encoder(str(wide))
    assert (await other.start()).similarity == "dot"
    after = await client.encode([*CARD, "one more"])
    assert client.facts is not None
    assert client.facts.similarity == "dot"
    assert np.abs(after.embeddings[:3] - before.embeddings).max() > 1e-3, "of the old model"
    for one in (client, other):
        await one.close()
    streams, _ = await encoders.connect(place.socket)
    await encoders.leave(streams)


def test_the_corpus_of_data_by_name(tmp_path: Path):
    stages = Stages(EventWriter(tmp_path / "events"))
    found = read("builtin:sample", "anchor", stages)
    assert found.rows >= len(found.first) > 1000
    assert next(iter(found.first.values())) == 0
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.csv").write_text("text\nx\n\n y \nx\n")
    assert read(str(folder), None, stages) == ({"x": 0, " y ": 1}, 3)


def test_a_model_without_a_tokenizer_of_transformers_tells_its_own():
    tokenizer = AutoTokenizer.from_pretrained(str(checked_folder()))
    model = SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_dim=16)], device="cpu"
    )
    assert SeenTokens(model).of(["a cat"]) == ([["a", "cat"]], [0])


FACTS = protocol.ModelFacts("m", None, 3, 512, "cosine", False, "cpu", False)


@pytest.mark.parametrize("most", [float("inf"), 10**30, 512.5])
async def test_what_a_client_could_not_read_is_told_in_a_sentence(tmp_path: Path, most: float):
    answers = [FACTS, msgspec.structs.replace(FACTS, max_tokens=most)]

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            Client(writer).send(answer)

    server = await asyncio.start_unix_server(serve, tmp_path / "sock")
    reader, writer = await asyncio.open_unix_connection(tmp_path / "sock")
    assert (await protocol.read_answer(reader))[0] == FACTS
    told = (await protocol.read_answer(reader))[0]
    assert isinstance(told, protocol.Failed)
    assert told.sentence == UNSPEAKABLE
    writer.close()
    server.close()


async def test_a_panic_in_the_model_s_thread_is_an_error(tmp_path: Path):
    class PanicException(BaseException):  # as that of the tokenizers
        """What Rust says when it gives up."""

    def panic() -> None:
        raise PanicException("index out of bounds")

    process = EncodingProcess(tmp_path / "sock", "m", "", False, 60)
    with pytest.raises(RuntimeError, match="PanicException: index out of bounds"):
        await process._in_thread(panic)
