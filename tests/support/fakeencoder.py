"""An encoding process that greets as it should and then ends, or answers, as ``FAKE`` says."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from stplay import __version__
from stplay.encoding import protocol


def frame(header: object, body: bytes = b"") -> bytes:
    """A frame, whatever stands in it."""
    packed = msgspec.msgpack.encode(header)
    return protocol._LENGTHS.pack(len(packed), len(body)) + packed + body


def word(message: object, body: bytes = b"") -> bytes:
    return frame(message, body)


def listen(path: str, answer: Callable[[socket.socket], None]) -> None:
    """Greet whoever connects, and answer."""
    server = socket.socket(socket.AF_UNIX)
    Path(path).unlink(missing_ok=True)
    server.bind(path)
    server.listen()
    greeting = protocol.Greeting(
        protocol.PROTOCOL, __version__, sys.argv[3], "fake", os.getpid(), 0, 0.0
    )
    while True:
        client, _ = server.accept()
        client.sendall(word(greeting))
        if client.recv(1 << 10):
            answer(client)


FACTS_TOLD = protocol.ModelFacts("fake", None, 2, 8, "cosine", False, "cpu", False)


def main() -> None:
    """Be the fake that is wanted."""
    kind = os.environ["FAKE"]
    if kind == "no start":
        raise OSError("no such luck")

    def answer(client: socket.socket) -> None:
        match kind:
            case "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            case "exit":
                os._exit(7)
            case "crash":
                raise KeyError("layers")
            case "stopped":
                os._exit(0)
            case "infinite":
                told = msgspec.to_builtins(FACTS_TOLD) | {"max_tokens": float("inf")}
                client.sendall(frame(told))
            case "long":
                client.sendall(protocol._LENGTHS.pack(1 << 31, 0))
            case "noise":
                client.sendall(frame("hello"))
            case "another answer":
                client.sendall(
                    word(protocol.CorpusLoaded(0, protocol.CorpusFacts("k", 1, 1, 1.0, 1)))
                )
            case "other embeddings":
                client.sendall(word(FACTS_TOLD))
                client.recv(1 << 10)
                client.sendall(word(protocol.Embedded(1, 2, [["a"]], [0], 0.0), bytes(4)))
            case "hangs up":
                client.shutdown(socket.SHUT_RDWR)

    listen(sys.argv[1], answer)


if __name__ == "__main__":
    main()
