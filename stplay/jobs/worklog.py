"""What any process of ours tells of its work, folded: status, stage, notes, last word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from msgspec.structs import replace

from stplay.exitcodes import FAILED
from stplay.jobs.events import (
    Control,
    ControlAnswered,
    ControlAsked,
    Damaged,
    Event,
    Noted,
    Replaced,
    RunFinished,
    StageProgressed,
    SystemSampled,
    WorkerStarted,
)
from stplay.text import clipped, count, printable, size

Status = Literal["starting", "running", "lost", "completed", "stopped", "failed"]
SIGNS: dict[Status, str] = {
    "starting": "◌",
    "running": "●",
    "lost": "?",
    "completed": "✓",
    "stopped": "■",
    "failed": "✗",
}
WORDS = {"completed": "finished"}
TONES: dict[Status, Literal["success", "warning", "error"]] = {
    "starting": "warning",
    "running": "success",
    "lost": "warning",
    "completed": "success",
    "stopped": "warning",
    "failed": "error",
}
CONTROLS: dict[Control, str] = {
    "checkpoint": "a checkpoint now",
    "evaluation": "an evaluation now",
    "stop": "a stop",
    "stop after epoch": "a stop after this epoch",
}
REPLACED = "The event log was replaced by another one, which is read from its start."


@dataclass
class WorkLog:
    """What is known of a job from its events, and from nothing else.

    ``asked`` is what was asked of the process at work and has no answer yet.
    """

    status: Status = "starting"
    worker: WorkerStarted | None = None
    stage: StageProgressed | None = None
    system: SystemSampled | None = None
    finished: RunFinished | None = None
    notes: list[Noted] = field(default_factory=list)
    asked: dict[Control, ControlAsked] = field(default_factory=dict)
    begun: float | None = None
    damaged: int = 0
    _silence: str | None = None
    _heard: Status | None = None

    @property
    def active(self) -> bool:
        """Whether a process is, should be, or, where it is lost, may be at work."""
        return self.status in ("starting", "running", "lost")

    @property
    def error(self) -> str | None:
        """Why the job failed, or since when nothing is heard of it, in one sentence."""
        if self.status == "lost":
            return self._silence
        error = self.finished.error if self.finished else None
        return clipped(error) if error else error

    @property
    def state(self) -> str:
        """The status as a sign and a word: ``● running``."""
        return status_words(self.status)

    def begin_again(self) -> None:
        """A process was started, for the first time or once more."""
        self.worker = self.finished = self.stage = None
        self.asked = {}
        self.status = "starting"

    def lose_worker(self, sentence: str, exit_code: int = FAILED) -> None:
        """Tell the job as failed: its process is gone and left no last word."""
        self._heard, self.status = self.status, "failed"
        self.finished = RunFinished(outcome="failed", exit_code=exit_code, error=sentence)

    def lose_sight(self, sentence: str) -> None:
        """Tell the job as lost: nobody can tell whether its process is still at work."""
        if self.status != "lost":
            self._heard, self.status = self.status, "lost"
            self._silence = sentence

    def _hear(self) -> None:
        """What was concluded from a silence is refuted by the next event."""
        if self._heard is not None:
            self.status, self.finished, self._silence, self._heard = self._heard, None, None, None

    def fold(self, events: Sequence[Event]) -> None:
        """Fold ``events`` in, one after the other."""
        for event in events:
            self.apply(event)

    def apply(self, event: Event) -> None:
        """Fold one more event in."""
        if not isinstance(event, ControlAsked):  # which is no sign of life
            self._hear()
        match event:
            case StageProgressed():
                self.stage = event
            case SystemSampled():
                self.system = event
            case WorkerStarted():
                self.begin_again()
                self.worker = event
                self.begun = self.begun or event.time
            case RunFinished():
                self.finished, self.status, self.stage = event, event.outcome, None
                self.asked = {}
            case ControlAsked() if self.active:
                self.asked.setdefault(event.control, event)
            case ControlAnswered():
                self.asked.pop(event.control, None)
                if event.refusal is not None:
                    told = Noted(time=event.time, level="warning", text=clipped(event.refusal))
                    self.notes.append(told)
            case Noted():
                self.notes.append(replace(event, text=clipped(event.text)))
            case Damaged():
                self.damaged += 1
            case Replaced():
                self.__dict__ = dict(type(self)().__dict__)
                self.notes.append(Noted(time=event.time, level="warning", text=REPLACED))


def asked_words(asked: Iterable[Control]) -> str:
    """What was asked for, as people say it; nothing where nothing was."""
    words = " and ".join(CONTROLS[control] for control in asked)
    return f"Asked for {words}" if words else ""


def status_words(status: Status) -> str:
    """A status as a sign and a word."""
    return f"{SIGNS[status]} {WORDS.get(status, status)}"


def memory_words(system: SystemSampled) -> str:
    """What the training process takes of the memory that runs out first."""
    if system.gpu_memory_bytes is not None:
        return f"GPU memory {size(system.gpu_memory_bytes)}"
    return f"memory {size(system.memory_bytes)}"


def stage_words(stage: StageProgressed) -> str:
    """A stage as people say it: ``evaluating all-nli-dev: 640 of 1,000 sentences``."""
    words = printable(stage.stage)
    if stage.total is None and not stage.done:
        return words
    if stage.unit == "bytes":
        done = size(stage.done)
        return f"{words}: {done}" + (f" of {size(stage.total)}" if stage.total else "")
    total = f" of {count(stage.total)}" if stage.total is not None else ""
    return f"{words}: {count(stage.done)}{total} {printable(stage.unit)}".rstrip()
