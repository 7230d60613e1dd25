"""The bytes of a file on another machine, as it grows: none lost and none twice, whatever happens.

A thread of its own keeps the link: it notices when nothing is heard, connects again after pauses
that grow, and goes on at the byte where it stopped.
"""

from __future__ import annotations

import threading
import time

from stplay.remote.conversation import Conversation, RemoteAnswer
from stplay.remote.linkstate import LinkKind, LinkState
from stplay.remote.sshhost import SshHost

FIRST_PAUSE, MOST_PAUSE = 0.5, 30.0
MOST_WAITING_BYTES = 1 << 23  # read ahead of whoever takes them
OVERLAP = 64  # bytes read once more, by which a log that was replaced is known


class RemoteFeed:
    """Reads on in the file ``path`` of ``host`` from the byte ``position``.

    Where ``stplay`` is there, that program tells the log in ``folder``; else ``tail`` does.
    """

    def __init__(
        self, host: SshHost, path: str, stplay: str = "", folder: str = "", position: int = 0
    ) -> None:
        self.host, self.path, self.stplay, self.folder = host, path, stplay, folder
        self.position = position
        self.state = LinkState("connecting", time.monotonic())
        self.node = ""
        self.answer: RemoteAnswer | None = None  # the newest of the connection that is up
        self.heard = time.monotonic()  # when bytes of the file came last, or the link came up
        self.asked_process = 0
        self._last = b""  # before ``position``
        self._waiting = bytearray()
        self._replaced = False
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="remote feed", daemon=True)
        self._thread.start()

    def take(self, most: int) -> bytes | None:
        """The next bytes, at most so many; ``None`` where another file took the place of this one.

        After ``None`` that one comes, from its first byte on.
        """
        with self._lock:
            if self._replaced:
                self._replaced = False
                return None
            piece = bytes(self._waiting[:most])
            del self._waiting[:most]
            return piece

    @property
    def is_behind(self) -> bool:
        """Whether there is, or may be, more of the file than has come."""
        answer = self.answer
        if not self.state.is_up or answer is None:
            return True
        return bool(self._waiting) or (answer.size or 0) > self.position

    def close(self) -> None:
        """Let the link go."""
        self._closed.set()

    def _keep(self) -> None:
        pause, lost_since = 0.0, None
        while not self._closed.is_set():
            if lost_since is None:
                self.state = LinkState("connecting", time.monotonic())
            conversation = Conversation(self)
            again = conversation.hold()
            if self._closed.is_set():
                return
            now = time.monotonic()
            if conversation.was_up:
                pause, lost_since = 0.0, conversation.heard
            if again:  # the link is up, but the feed has to begin anew
                lost_since = None
                continue
            lost_since = lost_since or now
            pause = min(pause * 2, MOST_PAUSE) if pause else FIRST_PAUSE
            kind: LinkKind = "refused" if conversation.refused else "lost"
            pause = MOST_PAUSE if conversation.refused else pause  # a server counts these
            self.answer = None
            self.state = LinkState(
                kind, lost_since, next_try=now + pause, words=conversation.last_words
            )
            self._closed.wait(pause)

    # What a conversation tells

    def received(self, data: bytes) -> None:
        """Bytes of the file came."""
        self.heard = time.monotonic()
        with self._lock:
            self._waiting += data
            self.position += len(data)
            self._last = (self._last + data)[-OVERLAP:]

    @property
    def overlap(self) -> bytes:
        """What stands before ``position``, as far as it is kept."""
        return self._last

    @property
    def is_full(self) -> bool:
        """Whether whoever takes the bytes has to come first."""
        return len(self._waiting) > MOST_WAITING_BYTES

    @property
    def is_closed(self) -> bool:
        """Whether the link is to be let go."""
        return self._closed.is_set()

    def begin_anew(self) -> None:
        """Another file took the place of the one that was read."""
        with self._lock:
            self._replaced |= bool(self.position)
            self._waiting.clear()
            self.position, self._last = 0, b""
