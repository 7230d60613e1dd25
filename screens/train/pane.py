"""What shows a run beside its table: one of several panes, chosen by a key."""

from __future__ import annotations

from textual.containers import Container

from stplay.jobs.events import Event
from stplay.remote.remoterun import RemoteRun
from stplay.runs.run import Run
from stplay.runs.traininglog import TrainingLog


class Pane(Container):
    """Shows what a run has told, in one way; the key of its name opens it."""

    def open(self, run: Run | RemoteRun) -> None:
        """Be empty, for ``run``, of which nothing was told yet."""
        raise NotImplementedError

    def show(self, events: list[Event], log: TrainingLog) -> None:
        """Show what has come with ``events`` too, which ``log`` has folded in.

        What was logged of the training is in ``log`` alone: it may be a million events.
        """
        raise NotImplementedError

    def take_focus(self) -> None:
        """Focus what people steer first."""
        raise NotImplementedError
