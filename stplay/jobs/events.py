"""What happened in a run: typed records, one JSON object a line, appended and never rewritten."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any, BinaryIO, Literal, get_args

import msgspec

from stplay.quantities import (
    MOST_CHARACTERS,
    Amount,
    ExitCode,
    InnerPath,
    Moment,
    ProcessId,
    Share,
    Step,
    Story,
    Whole,
    Words,
)

SCHEMA_VERSION = 1
MOST_LINE_BYTES = 1 << 26
MOST_DAMAGED_BYTES = 1 << 10

Outcome = Literal["completed", "stopped", "failed"]


class Event(msgspec.Struct, kw_only=True, tag=True, tag_field="type", omit_defaults=True):
    """Any event; ``time`` is in seconds since 1970."""

    time: Moment = msgspec.field(default_factory=time.time)


class WorkerStarted(Event, kw_only=True):
    """A training process began to work on the run; always the first line that process writes.

    ``process_started`` is the start time the operating system tells for ``pid``: the two together
    name the process for good, as a ``pid`` alone can be given to another one later.
    """

    host: Words
    pid: ProcessId
    process_started: Moment


class Engine(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How the steps are computed: ``fast``, over packed sentences, or the library's own way.

    ``why`` tells why it is the library's although it was not asked for. ``most_tokens`` go through
    the model together, a batch has ``batch_tokens`` on average and ``largest_batch_tokens`` at
    most, each takes ``bytes_a_token`` of memory, and ``vocabulary_rows`` are trained.
    """

    name: Literal["fast", "stock"]
    why: Words | None = None
    most_tokens: Whole | None = None
    batch_tokens: Whole | None = None
    largest_batch_tokens: Whole | None = None
    bytes_a_token: Whole | None = None
    vocabulary_rows: Whole | None = None


class Fingerprints(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What a run began with, by content: ``base``, and the ``rows`` of each split in their order.

    ``base`` is the SHA-256 of the files of a folder, the full name of any other model, and absent
    where an older stplay has begun the run.
    """

    base: Words | None = None
    rows: dict[str, Words]


class Epoch(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What an epoch takes of the training split: ``rows`` of it, in ``batches``.

    A batch has at most ``batch_size`` rows. Not ``exact`` where the batches were too many to make
    them all in advance.
    """

    rows: Whole
    batches: Whole
    batch_size: Whole
    exact: bool = True


class RunStarted(Event, kw_only=True):
    """The first step is about to be taken: all that is decided by then."""

    recipe: dict[str, Any]
    base: Words
    device: Words
    precision: Words
    versions: dict[str, Words]
    rows: dict[str, Whole]
    skipped_rows: dict[str, Whole] = {}
    synthetic: bool = False
    total_steps: Whole
    parameters: Whole
    engine: Engine | None = None
    fingerprints: Fingerprints | None = None
    epoch: Epoch | None = None
    # A factory: always written.
    schema: Whole = msgspec.field(default_factory=lambda: SCHEMA_VERSION)


class TrainLogged(Event, kw_only=True):
    """The training loss, averaged since the last such event, and the speed."""

    step: Step
    epoch: Amount
    loss: float | None
    learning_rate: float
    gradient_norm: float | None = None
    samples_per_second: Amount | None = None
    tokens_per_second: Amount | None = None


class Evaluated(Event, kw_only=True):
    """The triplet accuracies of one split, under the library's names."""

    step: Step
    epoch: Amount
    split: Literal["dev", "test"]
    data: Words
    rows: Whole
    loss: float | None = None
    cosine_accuracy: Share
    dot_accuracy: Share
    manhattan_accuracy: Share
    euclidean_accuracy: Share
    max_accuracy: Share


class StageProgressed(Event, kw_only=True):
    """How far a stage of the work is; ``total`` is absent where it is not known."""

    stage: Words
    done: Whole = 0
    total: Whole | None = None
    unit: Words = ""


class SystemSampled(Event, kw_only=True):
    """What the training process uses of its machine; also the heartbeat."""

    cpu_percent: Amount
    memory_bytes: Whole
    gpu_percent: Amount | None = None
    gpu_memory_bytes: Whole | None = None


class CheckpointSaved(Event, kw_only=True):
    """A checkpoint is whole on disk. ``path`` is relative to the run's folder.

    ``finite`` tells whether every weight is a number, and the loss since it was last logged.
    """

    step: Step
    path: InnerPath
    kept: Whole
    disk_bytes: Whole
    finite: bool | None = None


class Noted(Event, kw_only=True):
    """Something people should know."""

    level: Literal["info", "warning", "error"]
    text: Story


class RunResumed(Event, kw_only=True):
    """The run goes on after ``step``; rows of later steps are replaced by what follows."""

    step: Step


class RunFinished(Event, kw_only=True):
    """The end of a training process; ``details`` is the traceback of a failure."""

    outcome: Outcome
    exit_code: ExitCode
    error: Story | None = None
    details: Story | None = None


class Unknown(Event, kw_only=True):
    """An event of a newer stplay, kept as it came."""

    name: str
    fields: dict[str, Any]


class Damaged(Event, kw_only=True):
    """A line that is no event, or has a value that cannot be; the beginning of it."""

    line: bytes


class Replaced(Event, kw_only=True):
    """The log is shorter than it was: another one took its place, and is read from its start."""


KnownEvent = (
    WorkerStarted
    | RunStarted
    | TrainLogged
    | Evaluated
    | StageProgressed
    | SystemSampled
    | CheckpointSaved
    | Noted
    | RunResumed
    | RunFinished
)

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(KnownEvent)
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
    return [_decode(line) for line in text[:end].split(b"\n") if line.strip()], end


def _line(event: Event) -> bytes:
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
        self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self._lock = threading.Lock()
        size = os.fstat(self._file).st_size
        # A process that was killed can leave half a line: the next event must not join it.
        self._torn = size > 0 and os.pread(self._file, 1, size - 1) != b"\n"

    def write(self, event: Event) -> None:
        """Append ``event``, its texts cut where no reader would take them.

        Raises:
            OSError: the disk is full; what was written of the line is closed off by the next write.
        """
        line = _line(_bounded(event))
        with self._lock:
            if self._torn:
                line = b"\n" + line
            written = os.write(self._file, line)
            while written < len(line):  # the disk is nearly full: the next write tells, or heals it
                self._torn = True
                written += os.write(self._file, line[written:])
            self._torn = False

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
