"""The encoding process of one model: ``python -m stplay.engine.encode SOCKET MODEL FINGERPRINT``.

Listens on a unix socket, loads the model, and encodes for whoever connects, until nobody has for a
while. One thread has the model. Requests take turns: of each client only the newest waits, and a
corpus is encoded a piece a turn.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
import traceback
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from stplay import __version__, home
from stplay.encoding import corpora, protocol
from stplay.encoding.protocol import CorpusFacts, ModelFacts
from stplay.engine.worker.device import DeviceWish, choose_gpu, settle_device
from stplay.engine.worker.libraries import import_quickly, quiet_libraries
from stplay.engine.worker.outofmemory import is_out_of_memory
from stplay.engine.worker.stages import Stages
from stplay.errors import UserError
from stplay.jobs import interrupts
from stplay.jobs.worklock import HeldError, hold
from stplay.sources.names import TINY
from stplay.text import printable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from stplay.engine.models.seentokens import SeenTokens
    from stplay.engine.packed.sentenceencoder import SentenceEncoder

IDLE_SECONDS = 300.0
WATCH_SECONDS = 1.0
UNSPEAKABLE = "The encoder has found what it cannot tell: a fault of stplay, not of the model."

Result = TypeVar("Result")


class ToldStages(Stages):
    """Tells stages to a function instead of writing them down."""

    def __init__(self, tell: Callable[[str, int, int | None], object]) -> None:
        self.tell = tell

    def progress(self, stage: str, done: int = 0, total: int | None = None, unit: str = "") -> None:
        """Tell that ``done`` of ``total`` units of ``stage`` are behind us."""
        self.tell(stage, done, total)


class Client:
    """Whoever is connected: the request that waits, and the corpora being loaded."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self.writer = writer
        self.waiting: protocol.Encode | None = None
        self.corpora: dict[int, asyncio.Task[None]] = {}
        self.encoding: set[asyncio.Task[None]] = set()

    def cancel(self) -> None:
        """Give up all that was asked for."""
        for task in (*self.corpora.values(), *self.encoding):
            task.cancel()

    def send(self, answer: protocol.EncodingAnswer, body: bytes = b"") -> None:
        """Send a frame, if anybody still listens, or that it cannot be said."""
        if self.writer.is_closing():
            return
        try:
            protocol.write(self.writer, answer, body)
        except (protocol.ProtocolError, TypeError, ValueError, OverflowError) as error:
            traceback.print_exception(error)
            sys.stderr.flush()
            number = getattr(answer, "id", 0)
            protocol.write(self.writer, protocol.Failed(number, UNSPEAKABLE))


class EncodingProcess:
    """Serves one model on one socket."""

    def __init__(
        self, socket: Path, model: str, fingerprint: str, allow_pickle: bool, idle_seconds: float
    ) -> None:
        self.socket, self.model, self.fingerprint = socket, model, fingerprint
        self.allow_pickle, self.idle_seconds = allow_pickle, idle_seconds
        self.clients: set[Client] = set()
        self.used = time.monotonic()
        self.over = asyncio.Event()
        self.turn = asyncio.Lock()
        self.thread = ThreadPoolExecutor(1)
        self.facts: ModelFacts | None = None
        self.stage: protocol.Progressed | protocol.Failed
        self.stage = protocol.Progressed(0, "starting the encoder", 0, None)
        self.encoder: SentenceEncoder
        self.tokens: SeenTokens
        self.loading_corpora: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def run(self) -> None:
        """Serve until told to leave, or until nobody has connected for a while."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.over.set)
        server = await asyncio.start_unix_server(
            self._serve, self.socket, limit=protocol.BUFFER_BYTES
        )
        self.socket.chmod(0o600)
        tasks = [asyncio.create_task(self._load()), asyncio.create_task(self._watch())]
        await self.over.wait()
        self.socket.unlink(missing_ok=True)
        server.close()
        for client in self.clients:
            client.cancel()
            client.writer.close()
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0.01)  # what is cancelled tidies up, the last words are sent

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(min(WATCH_SECONDS, self.idle_seconds))
            unused = time.monotonic() - self.used > self.idle_seconds
            alone = not self.clients and (unused or not self.socket.exists())
            if alone or home.is_gone():
                self.over.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(writer)
        client.send(
            protocol.Greeting(
                protocol.PROTOCOL,
                __version__,
                self.fingerprint,
                self.model,
                os.getpid(),
                len(self.clients),
                time.monotonic() - self.used,
            )
        )
        self.clients.add(client)
        try:
            while True:
                await writer.drain()
                self._take(client, await protocol.read_request(reader))
        except ConnectionError:
            pass
        finally:
            self.clients.discard(client)
            client.cancel()
            writer.close()

    def _take(self, client: Client, request: protocol.EncodingRequest) -> None:
        match request:
            case protocol.Leave():
                self.over.set()
                return
            case protocol.Open():
                client.send(self.facts or self.stage)
            case protocol.Encode():
                if client.waiting is None:
                    task = asyncio.create_task(self._encode_newest(client))
                    client.encoding.add(task)
                    task.add_done_callback(client.encoding.discard)
                else:
                    client.send(protocol.Overtaken(client.waiting.id))
                client.waiting = request
            case protocol.LoadCorpus():
                task = asyncio.create_task(self._load_corpus(client, request))
                client.corpora[request.id] = task
                task.add_done_callback(lambda _: client.corpora.pop(request.id, None))
            case protocol.Cancel():
                if client.waiting is not None and client.waiting.id == request.id:
                    client.waiting = None
                elif task := client.corpora.get(request.id):
                    task.cancel()
        self.used = time.monotonic()

    async def _load(self) -> None:
        loop = asyncio.get_running_loop()
        stages = ToldStages(
            lambda *told: loop.call_soon_threadsafe(
                self._tell_loading, protocol.Progressed(0, *told)
            )
        )
        async with self.turn:
            try:
                self.facts = await self._in_thread(lambda: self._open(stages))
            except Exception as error:
                self._tell_loading(protocol.Failed(0, self._sentence(error)))
                self.over.set()
                return
        for client in self.clients:
            client.send(self.facts)

    def _tell_loading(self, told: protocol.Progressed | protocol.Failed) -> None:
        self.stage = told
        for client in self.clients:
            client.send(told)

    def _open(self, stages: ToldStages) -> ModelFacts:
        """Load the model, in its thread."""
        quiet_libraries()
        choose_gpu(DeviceWish())
        stages.progress("importing the libraries")
        import_quickly("sentence_transformers")
        if told := settle_device(DeviceWish()):
            print(told, file=sys.stderr)
        from stplay.engine.models.basemodel import open_model
        from stplay.engine.models.seentokens import SeenTokens
        from stplay.engine.packed.sentenceencoder import NotFiniteError, SentenceEncoder

        opened = open_model(self.model, allow_pickle=self.allow_pickle, stages=stages)
        tell = partial(print, file=sys.stderr, flush=True)
        self.encoder = SentenceEncoder(opened.model, name=self.model, tell=tell)
        self.tokens = SeenTokens(opened.model)
        task = "query" if self.encoder.needs_task else None
        try:
            first = self.encoder.encode(["The first sentence takes longer."], task)
        except NotFiniteError as error:  # others may do: a model of words knows none of these
            first = error.embeddings
        return ModelFacts(
            name=self.model,
            revision=opened.revision,
            dimensions=first.shape[1],
            max_tokens=self.encoder.max_tokens,
            similarity=str(opened.model.similarity_fn_name),
            untrained=self.model == TINY,
            device=str(opened.model.device),
            tells_tasks_apart=self.encoder.tells_tasks_apart,
            precision=opened.precision,
        )

    async def _encode_newest(self, client: Client) -> None:
        async with self.turn:
            request, client.waiting = client.waiting, None
            if request is None:
                return
            try:
                answer, body = await self._in_thread(partial(self._encode, request))
            except Exception as error:
                answer, body = protocol.Failed(request.id, self._sentence(error)), b""
        self.used = time.monotonic()
        client.send(answer, body)

    def _encode(self, request: protocol.Encode) -> tuple[protocol.Embedded, bytes]:
        """Encode sentences, in the model's thread."""
        if self.facts is None:
            raise UserError("The model could not be loaded.")
        begun = time.perf_counter()
        embeddings = self.encoder.encode(request.sentences, request.task)
        seconds = time.perf_counter() - begun
        tokens, dropped = self.tokens.of(request.sentences, request.task)
        dimensions = embeddings.shape[1]
        return protocol.Embedded(
            request.id, dimensions, tokens, dropped, seconds
        ), embeddings.tobytes()

    async def _load_corpus(self, client: Client, request: protocol.LoadCorpus) -> None:
        loop = asyncio.get_running_loop()

        def tell(stage: str, done: int, total: int | None) -> None:
            client.send(protocol.Progressed(request.id, stage, done, total))

        stages = ToldStages(lambda *told: loop.call_soon_threadsafe(tell, *told))
        try:
            facts = await self._corpus(request, stages, tell)
            client.send(protocol.CorpusLoaded(request.id, facts))
        except OSError as error:  # sources tell their own: it is the cache's
            told = f"{home.cache_folder()} cannot be written: {error.strerror or error}."
            client.send(protocol.Failed(request.id, printable(told)))
        except Exception as error:
            client.send(protocol.Failed(request.id, self._sentence(error)))
        self.used = time.monotonic()

    async def _corpus(
        self,
        request: protocol.LoadCorpus,
        stages: ToldStages,
        tell: Callable[[str, int, int | None], None],
    ) -> CorpusFacts:
        from stplay.engine.data import corpussentences

        found = await asyncio.to_thread(
            corpussentences.read, request.source, request.column, stages
        )
        async with self.turn:
            if self.facts is None:
                raise UserError("The model could not be loaded.")
        task = "document" if self.facts.tells_tasks_apart else None
        parts = [f"{self.facts.name}@{self.facts.revision or ''}", self.fingerprint, task or ""]
        model = " ".join(parts).rstrip()
        key = await asyncio.to_thread(corpora.key, model, found.first)
        async with self.loading_corpora[key]:
            facts = corpora.facts(key)
            if facts is not None and facts.cut is not None:  # else it is older than that figure
                return facts
            total, done = len(found.first), 0
            stage = f"encoding {printable(Path(request.source).name)}"
            tell(stage, 0, total)
            with corpora.CorpusBuilding(
                key, found.first, found.rows, self.facts.dimensions
            ) as building:
                for piece in building.pieces():
                    async with self.turn:
                        embeddings, dropped = await self._in_thread(
                            partial(self._encode_piece, piece, task)
                        )
                    building.append(embeddings, dropped)
                    done += len(piece)
                    self.used = time.monotonic()
                    tell(stage, done, total)
                return await asyncio.to_thread(building.finish, self.facts.name, request.source)

    def _encode_piece(
        self, piece: list[str], task: Literal["document"] | None
    ) -> tuple[NDArray[np.floating], list[int]]:
        """Encode a piece of a corpus, in the model's thread; also how much of each was cut."""
        return self.encoder.encode(piece, task), self.tokens.of(piece, task)[1]

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        def done() -> Result:
            try:
                return work()
            except Exception:
                raise
            except BaseException as error:  # a panic of the tokenizers' is no Exception
                raise RuntimeError(f"{type(error).__name__}: {error}") from error

        return await asyncio.get_running_loop().run_in_executor(self.thread, done)

    def _sentence(self, error: Exception) -> str:
        """What to tell of ``error`` in one sentence; the log has the rest."""
        if isinstance(error, UserError):
            return error.sentence
        traceback.print_exception(error)
        sys.stderr.flush()
        if is_out_of_memory(error):
            return "The memory ran out; encode fewer or shorter sentences, or use a smaller model."
        reason = printable(" ".join(traceback.format_exception_only(error)[-1].split()))[:300]
        return f"The encoder of {printable(self.model)} failed: {reason}"


def main() -> int:
    """Serve the model named on the command line; 0 at once where another process does."""
    options = argparse.ArgumentParser()
    options.add_argument("socket", type=Path)
    options.add_argument("model")
    options.add_argument("fingerprint")
    options.add_argument("--allow-pickle", action="store_true")
    options.add_argument("--idle-seconds", type=float, default=IDLE_SECONDS)
    chosen = options.parse_args()
    for number in interrupts.numbers((interrupts.HANG_UP, "SIGUSR1", "SIGUSR2")):
        signal.signal(number, signal.SIG_IGN)  # a job's or a terminal's end is not that of others'
    try:
        with hold(chosen.socket.with_suffix(".lock")):
            chosen.socket.unlink(missing_ok=True)  # of a process that was killed
            asyncio.run(EncodingProcess(**vars(chosen)).run())
    except HeldError:
        pass
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a model that is still being loaded is not waited for
