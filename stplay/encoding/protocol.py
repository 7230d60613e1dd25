"""What an encoding process and its clients say to each other, as binary frames.

A frame is the length of its header and of its body, the header (a tagged struct in MessagePack) and
the body: the embeddings as raw float32 numbers, or nothing.
"""

from __future__ import annotations

import asyncio
import struct
from typing import Literal, TypeVar, Union

import msgspec

from stplay.quantities import Seconds, Whole

PROTOCOL = 5
MOST_HEADER_BYTES = 1 << 28
MOST_BODY_BYTES = 1 << 34
BUFFER_BYTES = 1 << 20

_LENGTHS = struct.Struct("!IQ")

QueryTask = Literal["query"]


class Greeting(msgspec.Struct, tag=True):
    """The process's first word; it and ``Leave`` stay as they are in every version."""

    protocol: int
    version: str
    fingerprint: str
    model: str
    pid: int
    clients: int
    idle_seconds: float


class Leave(msgspec.Struct, tag=True):
    """Ask the process to end."""


class Open(msgspec.Struct, tag=True):
    """Ask for the model's facts, which come once it is loaded."""


class Encode(msgspec.Struct, tag=True):
    """Ask for the embeddings of sentences; replaces this client's request that still waits.

    A ``task`` brings the model's prompt for it with it.
    """

    id: int
    sentences: list[str]
    task: QueryTask | None = None


class LoadCorpus(msgspec.Struct, tag=True):
    """Ask for a corpus, encoded and on the disk."""

    id: int
    source: str
    column: str | None


class Cancel(msgspec.Struct, tag=True):
    """Give a request up."""

    id: int


class ModelFacts(msgspec.Struct, tag=True, frozen=True):
    """What a loaded model is.

    ``max_tokens`` counts special tokens; ``similarity`` is the library's ``similarity_fn_name``;
    ``revision`` is a Hub model's commit; ``tells_tasks_apart`` where a query and a document of the
    same words may have different embeddings; ``precision`` is that of its weights, while all that
    is sent is in single precision.
    """

    name: str
    revision: str | None
    dimensions: int
    max_tokens: int | None
    similarity: str
    untrained: bool
    device: str
    tells_tasks_apart: bool
    precision: str = "float32"


class Progressed(msgspec.Struct, tag=True):
    """How far a request is; ``id`` 0 is the loading of the model."""

    id: int
    stage: str
    done: int
    total: int | None


class Embedded(msgspec.Struct, tag=True):
    """The answer to ``Encode``; the body is of shape ``(sentences, dimensions)``."""

    id: int
    dimensions: int
    tokens: list[list[str]]
    dropped: list[int]
    seconds: float


class CorpusFacts(msgspec.Struct, tag=True, frozen=True):
    """A corpus on the disk: ``rows`` with a sentence, of which ``distinct`` were encoded.

    ``seconds`` is what the encoding took when it was done, ``disk`` its size in bytes. ``model``
    and ``source`` name what it was made of, where that is known. Of ``cut`` sentences the model did
    not read the end; None where that was not kept.
    """

    key: str
    rows: Whole
    distinct: Whole
    seconds: Seconds
    disk: Whole
    model: str = ""
    source: str = ""
    cut: Whole | None = None


class CorpusLoaded(msgspec.Struct, tag=True):
    """The answer to ``LoadCorpus``."""

    id: int
    facts: CorpusFacts


class Overtaken(msgspec.Struct, tag=True):
    """A newer request of the same client took this one's place."""

    id: int


class Failed(msgspec.Struct, tag=True):
    """A request failed; ``id`` 0 is the loading of the model, after which the process ends."""

    id: int
    sentence: str


EncodingRequest = Union[Leave, Open, Encode, LoadCorpus, Cancel]  # noqa: UP007  msgspec wants it so
EncodingAnswer = Union[  # noqa: UP007
    Greeting, ModelFacts, Progressed, Embedded, CorpusLoaded, Overtaken, Failed
]

Word = TypeVar("Word")

_requests = msgspec.msgpack.Decoder(EncodingRequest)
_answers = msgspec.msgpack.Decoder(EncodingAnswer)
_words = msgspec.msgpack.Decoder(Union[EncodingRequest, EncodingAnswer])  # noqa: UP007
_encoder = msgspec.msgpack.Encoder()


class ProtocolError(ConnectionError):
    """The other side is there, but what it says is no word of ours."""


def write(
    writer: asyncio.StreamWriter, message: EncodingRequest | EncodingAnswer, body: bytes = b""
) -> None:
    """Send a frame.

    Raises:
        ProtocolError: a field has a value that nobody could read: nothing was sent.
    """
    header = _encoder.encode(message)
    _decode(_words, header)
    writer.write(_LENGTHS.pack(len(header), len(body)) + header)
    if body:
        writer.write(body)


async def read_request(reader: asyncio.StreamReader) -> EncodingRequest:
    """The client's next word.

    Raises:
        ConnectionError: the client is gone.
        ProtocolError: it speaks no language of ours.
    """
    header, _ = await _read(reader)
    return _decode(_requests, header)


async def read_answer(reader: asyncio.StreamReader) -> tuple[EncodingAnswer, bytes]:
    """The process's next word and its body.

    Raises:
        ConnectionError: the process is gone.
        ProtocolError: it speaks no language of ours.
    """
    header, body = await _read(reader)
    return _decode(_answers, header), body


def _decode(words: msgspec.msgpack.Decoder[Word], header: bytes) -> Word:
    try:
        return words.decode(header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(str(error)) from error


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    try:
        header, body = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        if header > MOST_HEADER_BYTES or body > MOST_BODY_BYTES:
            raise ProtocolError("a frame is too long")
        return await reader.readexactly(header), await reader.readexactly(body)
    except asyncio.IncompleteReadError as error:
        raise ConnectionError("the other side is gone") from error
