"""The client of the encoding process of one model."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from stplay.encoding import encoders, protocol
from stplay.encoding.corpora import Corpus, Neighbour
from stplay.encoding.encoded import Encoded
from stplay.encoding.protocol import CorpusFacts, ModelFacts, QueryTask
from stplay.errors import UserError
from stplay.sources.names import absolute
from stplay.text import printable

__all__ = ["CorpusFacts", "Encoded", "Encoder", "ModelFacts", "Neighbour", "Superseded"]

MOST_KNOWN = 20_000

Progress = Callable[[str, int, "int | None"], None]
Answered = TypeVar("Answered")
Kind = TypeVar("Kind", ModelFacts, protocol.Embedded, protocol.CorpusLoaded)


class Superseded(Exception):  # noqa: N818  it is no error
    """A newer ``encode`` took the place of this one before its turn came."""


class _Known(NamedTuple):
    embedding: NDArray[np.float32]
    tokens: list[str]
    dropped: int


class Encoder:
    """Encodes with the model called ``model``, in a process that others may share.

    Remembers the embeddings of the last sentences, so that only new ones travel and are encoded.
    """

    def __init__(self, model: str, allow_pickle: bool = False) -> None:
        self.model = model
        self.allow_pickle = allow_pickle
        self.facts: ModelFacts | None = None
        self._connection: _Connection | None = None
        self._fingerprint = ""
        self._connecting = asyncio.Lock()
        self._turn = asyncio.Lock()
        self._newest: object = None
        self._known: OrderedDict[tuple[str, QueryTask | None], _Known] = OrderedDict()
        self._corpora: dict[str, Corpus] = {}

    async def start(self, progress: Progress | None = None) -> ModelFacts:
        """Connect to the process of this model, or launch it; returns when the model is loaded.

        ``progress`` is told the stage, what is done of it, and how much there is to do.

        Raises:
            UserError: the model cannot be loaded.
        """

        async def ask(connection: _Connection) -> ModelFacts:
            assert self.facts is not None
            return self.facts

        return await self._ask(ask, progress)

    @property
    def query_task(self) -> QueryTask | None:
        """The task of what is searched for, once the model is loaded, if it tells tasks apart."""
        return "query" if self.facts and self.facts.tells_tasks_apart else None

    async def encode(self, sentences: Sequence[str], task: QueryTask | None = None) -> Encoded:
        """The embeddings of ``sentences``, those that are new encoded now.

        They come as float32, of shape ``(sentences, dimensions)``, whatever the model computes in.

        Raises:
            Superseded: a newer call came before this one's turn.
            UserError: the model cannot be loaded, or its process died twice.
        """
        self._newest = turn = object()
        seconds = 0.0
        if any((sentence, task) not in self._known for sentence in sentences):
            async with self._turn:
                if self._newest is not turn:
                    raise Superseded
                seconds = await self._learn(sentences, task)
        known = [self._known[sentence, task] for sentence in sentences]
        for sentence in sentences:
            self._known.move_to_end((sentence, task))
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        facts = self.facts or await self.start()
        shape = len(known), facts.dimensions
        return Encoded(
            facts,
            list(sentences),
            np.array([one.embedding for one in known], np.float32).reshape(shape),
            [one.tokens for one in known],
            [one.dropped for one in known],
            seconds,
        )

    async def load_corpus(self, source: str, column: str | None, progress: Progress) -> CorpusFacts:
        """Encode a corpus, once; it stays on the disk.

        Args:
            source: a text file with one sentence a line, a ``.jsonl``, ``.json``, ``.csv``,
                ``.tsv`` or ``.parquet`` file, or the name of data, whose training split is taken.
            column: which column holds the sentences; may be left out where there is one only.
            progress: told the stage, what is done of it, and how much there is to do.

        Raises:
            UserError: the source cannot be read, or the model not be loaded.
        """
        place = absolute(source, Path.cwd())

        async def ask(connection: _Connection) -> CorpusFacts:
            request = protocol.LoadCorpus(next(connection.numbers), place, column)
            loaded, _ = await connection.ask(request, request.id, protocol.CorpusLoaded, progress)
            return loaded.facts

        return await self._ask(ask, progress)

    async def neighbours(
        self, corpus_key: str, sentence: str, k: int, metric: str
    ) -> list[Neighbour]:
        """The ``k`` sentences of a loaded corpus that are most like ``sentence``, as a query.

        Args:
            corpus_key: ``CorpusFacts.key``.
            sentence: it is encoded with the model's prompt for queries, where it has one.
            k: how many; all there are where they are fewer.
            metric: one of ``SIMILARITIES``.

        Returns:
            The most similar first; distances are negative.

        Raises:
            UserError: the corpus is gone, the model cannot be loaded, or its process died twice.
        """
        if self.facts is None:
            await self.start()
        if (sentence, self.query_task) not in self._known:
            async with self._turn:
                await self._learn([sentence], self.query_task)
        query = self._known[sentence, self.query_task].embedding
        if corpus_key not in self._corpora:
            self._corpora[corpus_key] = await asyncio.to_thread(Corpus, corpus_key)
        corpus = self._corpora[corpus_key]
        return await asyncio.to_thread(corpus.neighbours, query, k, metric)

    async def close(self) -> None:
        """Let go of the process, which lives on for others until nobody has used it for a while."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def _learn(self, sentences: Sequence[str], task: QueryTask | None) -> float:
        """Have what is new of ``sentences`` encoded; returns the seconds that took."""

        async def ask(connection: _Connection) -> float:
            new = [text for text in dict.fromkeys(sentences) if (text, task) not in self._known]
            if not new:
                return 0.0
            request = protocol.Encode(next(connection.numbers), new, task)
            found, body = await connection.ask(request, request.id, protocol.Embedded)
            sizes = len(body), len(found.tokens), len(found.dropped)
            if sizes != (4 * len(new) * found.dimensions, len(new), len(new)):
                raise protocol.ProtocolError("embeddings of other sentences")
            embeddings = np.frombuffer(body, np.float32).reshape(len(new), found.dimensions)
            known = map(_Known, embeddings, found.tokens, found.dropped)
            self._known.update(zip([(text, task) for text in new], known, strict=True))
            return found.seconds

        return await self._ask(ask)

    async def _ask(
        self,
        ask: Callable[[_Connection], Awaitable[Answered]],
        progress: Progress | None = None,
    ) -> Answered:
        """What ``ask`` brings; the process is started again where it dies, once."""
        pid = 0
        for _ in range(2):
            try:
                return await ask(await self._connected(progress))
            except ConnectionError as error:
                if self._connection is None:
                    raise UserError("The encoder was closed while it was asked.") from None
                if isinstance(error, protocol.ProtocolError):
                    raise UserError(
                        f"The encoder of {printable(self.model)} answered what no stplay of this "
                        f"version can read; {encoders.output_words(self._place())}"
                    ) from None
                pid = self._connection.pid
        ended = await asyncio.to_thread(encoders.ended_words, pid)
        raise UserError(
            f"The encoder of {printable(self.model)} was started again and died again: it {ended}; "
            f"{encoders.output_words(self._place())}"
        )

    def _place(self) -> encoders.Address:
        return encoders.address(self.model, self.allow_pickle)

    async def _connected(self, progress: Progress | None) -> _Connection:
        """A connection to a process whose model is loaded."""
        async with self._connecting:
            if self._connection is not None and not self._connection.lost:
                return self._connection
            streams, greeting = await encoders.reach(await asyncio.to_thread(self._place))
            connection = self._connection = _Connection(streams, greeting.pid)
            if greeting.fingerprint != self._fingerprint:
                self._known.clear()  # another model's by now
                self._fingerprint = greeting.fingerprint
            try:
                self.facts, _ = await connection.ask(protocol.Open(), 0, ModelFacts, progress)
            except BaseException:
                connection.close()
                raise
            return connection


class _Connection:
    """One conversation with a process: requests by number, and whoever waits for their answers."""

    def __init__(self, streams: encoders.Streams, pid: int) -> None:
        self.reader, self.writer = streams
        self.pid = pid
        self.numbers = itertools.count(1)
        self.lost = False
        self._waiting: dict[int, asyncio.Future[tuple[protocol.EncodingAnswer, bytes]]] = {}
        self._progress: dict[int, Progress] = {}
        self._reading = asyncio.create_task(self._read())

    async def ask(
        self,
        request: protocol.EncodingRequest,
        number: int,
        kind: type[Kind],
        progress: Progress | None = None,
    ) -> tuple[Kind, bytes]:
        """The answer of that kind to ``request``, and its body.

        It is given up where the caller is cancelled.

        Raises:
            UserError: the request failed.
            ConnectionError: the process is gone.
            ProtocolError: what it answered is no such answer.
        """
        if self.lost:
            raise ConnectionError
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        if progress is not None:
            self._progress[number] = progress
        try:
            protocol.write(self.writer, request)
            answer, body = await future
            if not isinstance(answer, kind):
                raise protocol.ProtocolError(f"{type(answer).__name__} is no {kind.__name__}")
            return answer, body
        except UnicodeEncodeError:
            raise UserError(
                "A sentence or a name has half a character, which is no text."
            ) from None
        except asyncio.CancelledError:
            if not self.lost:
                protocol.write(self.writer, protocol.Cancel(number))
            raise
        finally:
            self._waiting.pop(number, None)
            self._progress.pop(number, None)

    def close(self) -> None:
        """Say no more."""
        self.lost = True
        self._reading.cancel()
        self.writer.close()

    async def _read(self) -> None:
        end: Exception = ConnectionError("the process is gone")
        try:
            while True:
                answer, body = await protocol.read_answer(self.reader)
                if isinstance(answer, protocol.Progressed):
                    if progress := self._progress.get(answer.id):
                        progress(answer.stage, answer.done, answer.total)
                    continue
                number = 0 if isinstance(answer, ModelFacts) else getattr(answer, "id", 0)
                future = self._waiting.get(number)
                if future is None or future.done():
                    continue
                match answer:
                    case protocol.Failed():
                        future.set_exception(UserError(answer.sentence))
                    case protocol.Overtaken():
                        future.set_exception(Superseded())
                    case _:
                        future.set_result((answer, body))
        except Exception as error:  # whoever waits is told what it was
            end = error
        finally:
            self.lost = True
            self.writer.close()
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(end)
