"""A place that stplay only looks at, as a source of events that the one loop follows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from stplay.errors import UserError
from stplay.foreign.foreignlog import ForeignLog
from stplay.jobs.eventlog import event_line
from stplay.jobs.events import Event
from stplay.jobs.worklog import WorkLog
from stplay.runs.traininglog import TrainingLog
from stplay.text import duration, printable

SILENCE_SECONDS = 600.0  # a long evaluation, or the steps between two checkpoints, are no end


class PlaceReader(Protocol):
    """Reads a place of one format, from its start."""

    def read(self) -> list[Event]:
        """A bounded piece of what came since the last call; nothing at the end of what is there."""
        ...

    def silence(self) -> float | None:
        """Seconds since anything came; nothing where the place is gone."""
        ...


class ForeignStream:
    """The events of a place, which a reader makes of what stands there."""

    def __init__(self, reader: PlaceReader) -> None:
        self.reader = reader
        self.text = b""

    @property
    def is_behind(self) -> bool:
        """Whether more is known to be there than has been read: a place here tells when read."""
        return False

    def read(self) -> list[Event]:
        """The events that came since the last call."""
        events = self.reader.read()
        self.text = b"".join(map(event_line, events))
        return events


class ForeignSource:
    """Anybody's training, watched: it cannot be stopped from here."""

    log_type: type[TrainingLog] = ForeignLog

    def __init__(self, id_: str, place: str, begin: Callable[[], PlaceReader]) -> None:
        """``id_`` is what people call it; ``begin`` reads the ``place`` from its start."""
        self.id = id_
        self.place = place
        self._begin = begin
        self._reader: PlaceReader | None = None

    @property
    def title(self) -> str:
        """What people call this training."""
        return f"The training in {printable(self.place)}"

    @property
    def parting_words(self) -> str:
        """What to tell whoever leaves it."""
        return f"{printable(self.id)} goes on by itself"

    def stopping_words(self, log: TrainingLog) -> str:
        """What to tell whoever asked it to stop."""
        return self.parting_words

    def events(self, offset: int = 0) -> ForeignStream:
        """Its events, always from the first on: no byte of the place is that of an event."""
        self._reader = self._begin()
        return ForeignStream(self._reader)

    def check_worker(self, log: WorkLog) -> None:
        """Tell ``log`` where nothing was heard for long: nobody knows the process itself."""
        if not log.active or self._reader is None:
            return
        silence = self._reader.silence()
        if silence is None:
            log.lose_worker(f"{self.place} is gone.")
        elif silence > SILENCE_SECONDS:
            log.lose_sight(
                f"Nothing came in {printable(self.place)} for {duration(silence)}; the training "
                "may have ended without a word."
            )

    def request_stop(self) -> bool:
        """It cannot be asked.

        Raises:
            UserError: always.
        """
        raise UserError(f"{self.title} is only watched; stop it where it was started.")

    def output(self) -> bytes:
        """Nothing of its processes is known but its events."""
        return b""
