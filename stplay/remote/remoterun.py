"""A run of stplay on another machine, as a source of events and of what it can be asked for."""

from __future__ import annotations

import re
import threading
import time
from contextlib import suppress
from pathlib import PurePosixPath

from stplay.errors import UserError
from stplay.exitcodes import FINISHED
from stplay.jobs import folders
from stplay.jobs.events import Control
from stplay.jobs.job import SILENCE_SECONDS
from stplay.jobs.worklog import WorkLog
from stplay.remote.conversation import RemoteAnswer
from stplay.remote.remotehost import RemoteView
from stplay.remote.remotelink import RemoteLink
from stplay.remote.remotelog import RemoteLog
from stplay.remote.remotescripts import COMMAND, PRINTED
from stplay.remote.sshhost import SshHost
from stplay.runs.run import stop_words
from stplay.runs.traininglog import TrainingLog
from stplay.text import duration, printable

COMMANDS: dict[Control, tuple[str, ...]] = {
    "checkpoint": ("checkpoint",),
    "evaluation": ("evaluate-now",),
    "stop": ("stop",),
    "stop after epoch": ("stop", "--after-epoch"),
}
OUTPUT_SECONDS = 3.0  # it comes as a whole each time
DOWN_TIMES = 2  # so often in a row: what a process says last may still be on its way
_IN_A_HOME = re.compile(r"(?P<home>/.*)/data/runs/[^/]+", re.DOTALL)


class RemoteRun:
    """A run that trains, or has trained, on another machine. Its link is up while it is followed.

    It is asked for things by the ``stplay`` there; without one it can only be watched.
    """

    log_type: type[TrainingLog] = TrainingLog

    def __init__(self, host: SshHost, view: RemoteView) -> None:
        self.host, self.view, self.link = host, view, RemoteLink(host)
        self.folder = PurePosixPath(view.path)
        self.id = self.folder.name or view.path
        self.events_path = self.folder / folders.EVENTS
        self._downs = 0
        self._judged: RemoteAnswer | None = None
        self._output = f"(asking {host.shown} for what was printed there)".encode()
        self._output_due = 0.0
        self._output_asked = threading.Lock()

    @property
    def title(self) -> str:
        """What people call this run."""
        return f"The run {printable(self.id)} on {self.host.shown}"

    @property
    def parting_words(self) -> str:
        """What to tell whoever leaves it."""
        return f"{printable(self.id)} goes on by itself on {self.host.shown}"

    def stopping_words(self, log: TrainingLog) -> str:
        """What to tell whoever asked it to stop."""
        return stop_words(log)

    def events(self, offset: int = 0) -> RemoteLog:
        """Its events from the byte ``offset`` on."""
        feed = self.link.open(str(self.events_path), self.view.stplay, str(self.folder), offset)
        return RemoteLog(feed)

    def check_worker(self, log: WorkLog) -> None:
        """Tell ``log`` where its process is gone without a last word, or is not heard of."""
        feed = self.link.feed
        answer = feed.answer if feed is not None else None
        if feed is None or answer is None or not log.active or not feed.state.is_up:
            return
        if answer.size is None:
            log.lose_worker(f"{self.title} is gone: there is no {printable(str(self.folder))}.")
            return
        worker = log.worker
        feed.asked_process = worker.pid if worker and worker.host == feed.node else 0
        if answer is not self._judged:
            self._judged = answer
            self._downs = self._downs + 1 if answer.process == "down" else 0
        silence = time.monotonic() - feed.heard
        if worker is not None and self._downs >= DOWN_TIMES:
            log.lose_worker(
                "The training process ended without a last word: perhaps it was killed, by a "
                f"person, or by the system when memory ran out; go on with: {self.resume_words}"
            )
        elif silence > SILENCE_SECONDS:
            log.lose_sight(
                f"{self.title} has told nothing for {duration(silence)}; if nothing of it is at "
                f"work, go on with: {self.resume_words} --force"
            )

    @property
    def resume_words(self) -> str:
        """The command by which it goes on, over there."""
        return f"stplay resume {printable(self.id)}"

    @property
    def why_only_watched(self) -> str:
        """Why it cannot be asked for anything; nothing where it can."""
        if self.view.stplay:
            return ""
        return (
            f"{self.title} is only watched: no stplay is found there, by the PATH of its login "
            "shell, that could be asked."
        )

    def request_stop(self) -> bool:
        """Ask the process to save what is worth it and end.

        Raises:
            UserError: it cannot be asked.
        """
        self.ask("stop")
        return True

    def ask(self, control: Control) -> str:
        """Have the stplay there ask for ``control``; what it says once that is done.

        Raises:
            UserError: there is none, it refuses, or the link is down.
        """
        return self._command(*COMMANDS[control], self.id)

    def resume(self, *, force: bool = False) -> str:
        """Have the stplay there go on with the run; a lost one only with ``force``.

        Raises:
            UserError: as ``ask``.
        """
        return self._command("resume", self.id, "--detach", *(["--force"] if force else []))

    def _command(self, *words: str) -> str:
        if why := self.why_only_watched:
            raise UserError(why)
        home = _IN_A_HOME.fullmatch(str(self.folder))
        reply = self.host.run(
            COMMAND, home["home"] if home else "", self.view.stplay, *words, seconds=None
        )
        if reply.code != FINISHED:
            said = reply.words.removeprefix("stplay: ") or f"exit code {reply.code}"
            raise UserError(f"{self.host.shown}: {said}")
        return printable(b" ".join(reply.parts).decode("utf-8", "replace").strip())

    def output(self) -> bytes:
        """The end of what its processes have printed, as far as it has come.

        It is asked for beside the caller, who is to ask again.
        """
        is_due = time.monotonic() >= self._output_due
        if is_due and self._output_asked.acquire(blocking=False):
            self._output_due = time.monotonic() + OUTPUT_SECONDS
            threading.Thread(target=self._ask_output, name="remote output", daemon=True).start()
        return self._output

    def _ask_output(self) -> None:
        try:
            with suppress(UserError):
                reply = self.host.run(PRINTED, str(self.folder / "worker.log"))
                self._output = b"".join(reply.parts).removeprefix(b"\n")
        finally:
            self._output_asked.release()
