"""What happened in a job: typed records, one JSON object a line in its event log."""

from __future__ import annotations

import time
from typing import Any, Literal

import msgspec

from stplay.quantities import (
    Amount,
    ExitCode,
    InnerPath,
    Moment,
    Packed,
    ProcessId,
    Share,
    Step,
    Story,
    Whole,
    Words,
)

SCHEMA_VERSION = 1

Outcome = Literal["completed", "stopped", "failed"]
Control = Literal["checkpoint", "evaluation", "stop", "stop after epoch"]


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
    the model together. Of a batch, each process has ``batch_tokens`` on average and
    ``largest_batch_tokens`` at most; each token takes ``bytes_a_token`` of memory, all that go
    together ``bytes_a_packing`` besides, and ``vocabulary_rows`` are trained.
    """

    name: Literal["fast", "stock"]
    why: Words | None = None
    most_tokens: Whole | None = None
    batch_tokens: Whole | None = None
    largest_batch_tokens: Whole | None = None
    bytes_a_token: Whole | None = None
    bytes_a_packing: Whole | None = None
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
    """The first step is about to be taken: all that is decided by then.

    ``negatives`` tells how many each row of a split has, where that is not one. So many
    ``processes`` train together, on so many ``machines``; the first is on ``device``. Where it is
    ``foreign``, another program trains, and what that does not tell is absent or ``unknown``.
    """

    recipe: dict[str, Any]
    base: Words
    device: Words
    precision: Words
    versions: dict[str, Words]
    rows: dict[str, Whole]
    skipped_rows: dict[str, Whole] = {}
    negatives: dict[str, Whole] = {}
    synthetic: bool = False
    total_steps: Whole
    parameters: Whole
    engine: Engine | None = None
    fingerprints: Fingerprints | None = None
    epoch: Epoch | None = None
    processes: Whole = 1
    machines: Whole = 1
    foreign: bool = False
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
    """The triplet accuracies of one split, under the library's names; of pairs there are none."""

    step: Step
    epoch: Amount
    split: Literal["dev", "test"]
    data: Words
    rows: Whole
    loss: float | None = None
    cosine_accuracy: Share | None = None
    dot_accuracy: Share | None = None
    manhattan_accuracy: Share | None = None
    euclidean_accuracy: Share | None = None
    max_accuracy: Share | None = None


class ProbesEncoded(Event, kw_only=True):
    """The probe sentences of the recipe, as the model encodes them after ``step``.

    Their ``embeddings``, (sentences, ``dimensions``), are of length 1, or not finite: float16,
    little-endian. The sentences are in the recipe of the last ``RunStarted``, so that a line stays
    small.
    """

    step: Step
    epoch: Amount
    dimensions: Whole
    embeddings: Packed


class MetricsLogged(Event, kw_only=True):
    """What a training measured, by the names that it has there; nothing where it is not finite.

    Where another ``segment`` begins, another training does: its steps are its own.
    """

    step: Step
    epoch: Amount | None = None
    values: dict[Words, float | None]
    segment: Whole = 0


class ResultsListed(Event, kw_only=True):
    """Figures of a finished model by name, as a card lists them: of one ``evaluator`` on ``data``.

    Both are empty where nobody told. A figure is absent where it is not finite.
    """

    evaluator: Words = ""
    data: Words = ""
    values: dict[Words, float | None]


class StageProgressed(Event, kw_only=True):
    """How far a stage of the work is; ``total`` is absent where it is not known."""

    stage: Words
    done: Whole = 0
    total: Whole | None = None
    unit: Words = ""


class GpuFound(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A GPU of the machine; ``taken`` is one that the run trains on.

    ``gpu`` is its number in nvidia-smi, of a part of one (MIG) with the part's: ``1:0``. ``memory``
    is in bytes, ``power_limit`` in watts.
    """

    gpu: Words
    name: Words
    memory: Whole | None = None
    power_limit: Whole | None = None
    taken: bool = False


class MachineFound(Event, kw_only=True):
    """What the machine of the first process has: so many ``processors``, and bytes of memory.

    ``disk`` has the bytes of the one that the run lies on.
    """

    processors: Whole
    memory: Whole
    disk: Whole | None = None
    gpus: list[GpuFound] = []


class GpuLoad(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How busy a ``gpu`` is, as all who use it make it; what it cannot tell is absent.

    ``use`` is in percent, ``memory`` in bytes, ``power`` in watts and ``temperature`` in degrees
    Celsius. ``slowed`` tells by what its clocks are held down.
    """

    gpu: Words
    use: Amount | None = None
    memory: Whole | None = None
    power: Amount | None = None
    temperature: Amount | None = None
    slowed: list[Words] = []


class MachineLoad(msgspec.Struct, kw_only=True, omit_defaults=True):
    """How busy a machine is, as all who use it make it; what it cannot tell is absent.

    ``processors`` is in percent of all of them, ``memory_used`` and ``disk_left`` in bytes, and
    what is read, written, received and sent in bytes a second.
    """

    processors: Amount | None = None
    memory_used: Whole | None = None
    disk_left: Whole | None = None
    disk_read: Whole | None = None
    disk_written: Whole | None = None
    network_received: Whole | None = None
    network_sent: Whole | None = None
    gpus: list[GpuLoad] = []


class SystemSampled(Event, kw_only=True):
    """What the training process uses of its machine, and the load of it; also the heartbeat.

    Of several processes it is the first. ``memory_bytes`` has those of its children too, and
    ``gpu_memory_bytes`` is what torch holds.
    """

    cpu_percent: Amount
    memory_bytes: Whole
    gpu_percent: Amount | None = None
    gpu_memory_bytes: Whole | None = None
    machine: MachineLoad | None = None


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


class PackingShrunk(Event, kw_only=True):
    """Memory ran out in the step after ``step``, which was taken again.

    From there on at most ``most_tokens`` go through the model together, where the run goes on too:
    as many as a ``loss.mini_batch_size`` of ``mini_batch_size`` lets through.
    """

    step: Step
    most_tokens: Whole
    mini_batch_size: Whole | None = None


class ControlAsked(Event, kw_only=True):
    """The user called ``by`` asked the process at work for ``control``, once or more often."""

    control: Control
    by: Words


class ControlAnswered(Event, kw_only=True):
    """What was asked for was done after ``step``, or was not: then ``refusal`` tells why.

    Whatever has no answer by then, such as a stop, is answered by ``RunFinished``.
    """

    control: Control
    step: Step
    refusal: Story | None = None


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
    | ProbesEncoded
    | MetricsLogged
    | ResultsListed
    | StageProgressed
    | MachineFound
    | SystemSampled
    | CheckpointSaved
    | Noted
    | RunResumed
    | PackingShrunk
    | ControlAsked
    | ControlAnswered
    | RunFinished
)
