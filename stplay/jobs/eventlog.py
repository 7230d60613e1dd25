"""The event log: read on from a byte offset, appended to by whole lines, and never rewritten."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, BinaryIO, get_args

import msgspec

from stplay.errors import UserError
from stplay.jobs.events import Damaged, Event, KnownEvent, Replaced, Unknown
from stplay.quantities import MOST_CHARACTERS

MOST_LINE_BYTES = 1 << 26
MOST_DAMAGED_BYTES = 1 << 10

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(KnownEvent)
_lines_decoder = msgspec.json.Decoder(list[KnownEvent])
_NO_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _decode(line: bytes) -> Event:
    try:
        return _decoder.decode(line)
    except _NO_JSON:
        pass
    try:
        fields = msgspec.json.decode(line)
    except _NO_JSON:
        return Damaged(line=line)
    match fields:
        case {"type": str(name)} if name not in _NAMES:
            return Unknown(name=name, fields=fields)
    return Damaged(line=line)


_NAMES = frozenset(event.__name__ for event in get_args(KnownEvent))


def decode_events(text: bytes) -> tuple[list[Event], int]:
    """The events of all whole lines in ``text``, and the number of bytes they take.

    A last line without its end is left for the next call.
    """
    end = text.rfind(b"\n") + 1
    if not end:
        return [], 0
    lines = text[: end - 1]
    try:
        # One value a line: two in one have no comma between them, one in two is one too few.
        events: list[Event] = [*_lines_decoder.decode(b"[%b]" % lines.replace(b"\n", b","))]
    except _NO_JSON:
        events = []
    if len(events) != lines.count(b"\n") + 1:
        events = [_decode(line) for line in lines.split(b"\n") if line.strip()]
    return events, end


def event_line(event: Event) -> bytes:
    """``event`` as a line of the log."""
    try:
        return _encoder.encode(event) + b"\n"
    except UnicodeEncodeError:  # a name on the disk may be no text
        return _encoder.encode(_as_text(msgspec.to_builtins(event))) + b"\n"


def _as_text(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_as_text(key): _as_text(each) for key, each in value.items()}
        case list():
            return [_as_text(each) for each in value]
    return value


class EventReader:
    """Reads on in an event log from a byte ``offset``, about ``piece`` bytes at a time."""

    is_behind = False

    def __init__(self, path: Path, offset: int = 0, piece: int = 1 << 22) -> None:
        self.path = path
        self.offset = offset
        self.piece = piece
        self.text = b""
        self._in_long_line = False

    def read(self) -> list[Event]:
        """The events of the whole lines that came since the last call; none where there is no file.

        ``text`` then holds those lines as they stand. At most about ``piece`` bytes are read, so
        an empty list means that the end was reached. Of a line longer than ``MOST_LINE_BYTES``
        nothing is kept.
        """
        self.text = b""
        try:
            with self.path.open("rb") as file:
                if file.seek(0, os.SEEK_END) < self.offset:
                    self.offset, self._in_long_line = 0, False
                    return [Replaced()]
                self._leave_long_line(file)
                text = b""
                # Empty lines alone are no events, but neither are they the end.
                while b"\n" not in text.lstrip() and (more := file.read(self.piece)):
                    text += more
                    if not text.strip():
                        self.offset += len(text)
                        text = b""
                    elif len(text) > MOST_LINE_BYTES and b"\n" not in text.lstrip():
                        self.offset += len(text)
                        self._in_long_line = True
                        return [Damaged(line=text[:MOST_DAMAGED_BYTES])]
        except FileNotFoundError:
            return []
        events, length = decode_events(text)
        self.offset += length
        self.text = text[:length]
        return events

    def _leave_long_line(self, file: BinaryIO) -> None:
        file.seek(self.offset)
        while self._in_long_line and (text := file.read(self.piece)):
            end = text.find(b"\n") + 1
            self.offset += end or len(text)
            self._in_long_line = not end
            file.seek(self.offset)


class EventWriter:
    """Appends events, each as one whole line with one write. Safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._open(os.O_CREAT)

    def _open(self, flags: int = 0) -> None:
        self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | flags, 0o644)
        size = os.fstat(self._file).st_size
        # A process that was killed can leave half a line: the next event must not join it.
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def write(self, event: Event) -> None:
        """Append ``event``, its texts cut where no reader would take them.

        Raises:
            OSError: the disk is full; what was written of the line is closed off by the next write.
            UserError: the log was removed, or moved away: nobody would read it.
        """
        line = event_line(_bounded(event))
        with self._lock:
            self._stay_where_readers_look()
            if self._torn:
                line = b"\n" + line
            written = os.write(self._file, line)
            while written < len(line):  # the disk is nearly full: the next write tells, or heals it
                self._torn = True
                written += os.write(self._file, line[written:])
            self._torn = False

    def _stay_where_readers_look(self) -> None:
        try:
            there = self.path.stat()
        except FileNotFoundError as error:
            raise UserError(
                f"{self.path} was removed, or moved away, while it was written to; what wrote it "
                "has ended. Start it again, or move the folder back and resume it."
            ) from error
        except OSError:  # a file server that does not answer may do so later
            return
        if not os.path.samestat(there, os.fstat(self._file)):  # an editor puts a new one there
            before = self._file
            self._open()
            os.close(before)

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


def _bounded(event: Event) -> Event:
    half = MOST_CHARACTERS // 2
    cut = {
        name: f"{text[: half - 1]}…{text[-half:]}"
        for name in event.__struct_fields__
        if isinstance(text := getattr(event, name), str) and len(text) > MOST_CHARACTERS
    }
    return msgspec.structs.replace(event, **cut) if cut else event
