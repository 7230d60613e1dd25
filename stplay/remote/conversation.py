"""One connection of a feed, from its first word to its end."""

from __future__ import annotations

import os
import secrets
import selectors
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from stplay.errors import UserError
from stplay.jobs.process import Process
from stplay.remote.linkstate import LinkState, last_words
from stplay.remote.remotescripts import FEED
from stplay.remote.sshhost import asks_a_person
from stplay.text import MOST_DIGITS

if TYPE_CHECKING:
    from stplay.remote.remotefeed import RemoteFeed

ASKED_EVERY_SECONDS = 2.0
SILENCE_SECONDS = 6.0  # so long without a word, and the link is down
STALL_SECONDS = 10.0  # so long nothing of what the file has more comes, and the feed is stuck
CONNECT_SECONDS = 30.0
PIECE_BYTES = 1 << 16
MOST_SAID_BYTES = 1 << 12
TURN_SECONDS = 0.2


class RemoteAnswer(NamedTuple):
    """What the other machine says of the file: its ``inode`` and ``size``; none where it is gone.

    ``process`` is ``up`` or ``down`` where a process was asked for.
    """

    inode: str
    size: int | None
    process: str = "-"

    @classmethod
    def of(cls, words: list[bytes]) -> RemoteAnswer:
        """Out of the words of a line."""
        inode, _, *process = [word.decode("ascii", "replace") for word in words]
        return cls(inode, _number(words[1]), *process[:1])


def _number(word: bytes) -> int | None:
    """The number that ``word`` is; none where it is something else, or more than a disk has."""
    return int(word) if word.isdigit() and len(word) <= MOST_DIGITS else None


class Conversation:
    """One connection of a feed, from its first word to its end."""

    def __init__(self, feed: RemoteFeed) -> None:
        self.feed = feed
        self.was_up = False
        self.refused = False
        self.last_words = ""
        self.heard = time.monotonic()
        self._mark = secrets.token_hex(8)
        self._head: bytes | None = b""  # of what came until the mark did
        self._expected = feed.overlap  # comes once more
        self._said = b""
        self._asked: dict[int, tuple[float, int]] = {}  # when, and how far the file was read
        self._inode = ""
        self._again = False
        self._moved = time.monotonic()  # when all was here, or more came
        self._begun_at = feed.position

    def hold(self) -> bool:
        """Talk until it ends; whether to begin a new one at once."""
        feed = self.feed
        begin = feed.position - len(self._expected)
        try:
            process = feed.host.start(
                FEED, self._mark, feed.path, str(begin), feed.stplay, feed.folder
            )
        except UserError as error:
            self.last_words = error.sentence
            return False
        try:
            if self._talk(process):
                self.last_words = "nothing is heard of it"
                feed.host.forget_connection()
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                assert pipe is not None
                with suppress(OSError):
                    pipe.close()
        if not self._again and not self.last_words:
            said = self._said.decode("utf-8", "replace")
            self.last_words = last_words(said)
            self.refused = asks_a_person(said) and not self.was_up
        return self._again

    def _talk(self, process: Process) -> bool:
        """Whether it ends because nothing was heard any more."""
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        printed, beside = process.stdout.fileno(), process.stderr.fileno()
        next_question, number = 0.0, 0
        with selectors.DefaultSelector() as selector:
            selector.register(beside, selectors.EVENT_READ)
            is_read = False
            while not self.feed.is_closed and not self._again:
                if is_read == self.feed.is_full:
                    is_read = not is_read
                    if is_read:
                        selector.register(printed, selectors.EVENT_READ)
                    else:
                        selector.unregister(printed)
                for key, _ in selector.select(TURN_SECONDS):
                    data = os.read(key.fd, PIECE_BYTES)
                    if data:
                        self.heard = time.monotonic()
                        (self._print if key.fd == printed else self._say)(data)
                    elif key.fd == printed:
                        self._read_rest(beside)
                        return False
                    else:
                        selector.unregister(beside)
                now = time.monotonic()
                if not is_read:  # it is our turn, not theirs
                    self.heard = now
                if now - self.heard > (SILENCE_SECONDS if self.was_up else CONNECT_SECONDS):
                    return True
                if self.was_up and now >= next_question:
                    number += 1
                    self._asked[number] = now, self.feed.position
                    next_question = now + ASKED_EVERY_SECONDS
                    with suppress(OSError):
                        question = f"{number} {self.feed.asked_process}\n".encode()
                        os.write(process.stdin.fileno(), question)
        return False

    def _read_rest(self, beside: int) -> None:
        os.set_blocking(beside, False)
        with suppress(OSError):
            while data := os.read(beside, PIECE_BYTES):
                self._say(data)

    def _print(self, data: bytes) -> None:
        """Take what came on the output: a login's words, the head with the mark, the file."""
        if self._head is not None:
            self._head += data
            _, mark, after = self._head.partition(self._mark.encode() + b" ")
            line, end, data = after.partition(b"\n")
            if not (mark and end):
                self._head = self._head[-MOST_SAID_BYTES:] if not mark else mark + after
                return
            self._head = None
            self._begin(line)
            if self._again:
                return
        if self._expected:
            length = min(len(self._expected), len(data))
            if data[:length] != self._expected[:length]:
                self._replace()
                return
            self._expected, data = self._expected[length:], data[length:]
        if data:
            self.feed.received(data)

    def _begin(self, line: bytes) -> None:
        inode, size, node, *_ = [*line.split(), b"-", b"-", b"-"]
        feed, now = self.feed, time.monotonic()
        self._inode = inode.decode("ascii", "replace")
        feed.answer = RemoteAnswer.of([inode, size])
        feed.node = node.decode("utf-8", "replace")
        feed.heard, self.was_up = now, True
        feed.state = LinkState("connected", now)
        self._judge(feed.answer, feed.position)

    def _say(self, data: bytes) -> None:
        """Take what came beside the output: answers, and what else is said."""
        *lines, rest = (self._said + data).split(b"\n")
        other = []
        for line in lines:
            if line.startswith(self._mark.encode() + b" "):
                self._hear_answer(line.split()[1:])
            else:
                other.append(line)
                if line.startswith(b"tail:") and b"truncated" in line:
                    self._replace()
        self._said = b"\n".join([*other, rest])[-MOST_SAID_BYTES:]

    def _hear_answer(self, words: list[bytes]) -> None:
        number = _number(words[0]) if len(words) >= 3 else None
        asked = self._asked.pop(number, None) if number is not None else None
        if asked is None or self._again:
            return
        told = words[1:]
        feed, answer = self.feed, RemoteAnswer.of(told)
        moment, position = asked
        feed.state = LinkState("connected", feed.state.since, time.monotonic() - moment)
        feed.answer = answer
        self._judge(answer, position)
        if feed.position > position or (answer.size or 0) <= position or feed.is_full:
            self._moved = time.monotonic()
        elif time.monotonic() - self._moved > STALL_SECONDS:
            if feed.position == self._begun_at:  # as where an older stplay has no such command
                feed.stplay = ""
            self._again = True

    def _judge(self, answer: RemoteAnswer, position: int) -> None:
        """Begin anew where another file is there, or it was cut below what had been read."""
        if answer.size is None:
            return
        if self._inode == "-":  # it was gone, and is there
            self._again = True
        elif answer.inode != self._inode or answer.size < position:
            self._replace()

    def _replace(self) -> None:
        if not self._again:
            self._again = True
            self.feed.begin_anew()
