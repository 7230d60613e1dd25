"""One training of somebody's Trainer, told as the events of a run."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import nn
from transformers import TrainerControl, TrainerState, TrainingArguments

from stplay.engine.training.controlcallback import ControlCallback
from stplay.engine.training.scriptexit import ScriptExit
from stplay.engine.training.scriptprobes import ScriptProbes
from stplay.engine.training.trainerfacts import TrainerFacts, gpus_of
from stplay.engine.training.watchedevents import WatchedEvents
from stplay.engine.worker.controls import Controls
from stplay.engine.worker.eventsink import note
from stplay.engine.worker.heartbeat import Heartbeat
from stplay.engine.worker.ranks import ALONE
from stplay.engine.worker.stages import Stages
from stplay.engine.worker.work import worker_started
from stplay.errors import UserError
from stplay.exitcodes import FAILED, FINISHED, INTERRUPTED
from stplay.foreign.cells import name_of, number, told
from stplay.jobs import folders
from stplay.jobs.eventlog import EventWriter
from stplay.jobs.events import (
    CheckpointSaved,
    Control,
    Event,
    MetricsLogged,
    RunFinished,
    TrainLogged,
)
from stplay.runs import runnote
from stplay.runs.diskuse import folder_bytes
from stplay.runs.run import Run
from stplay.runs.series import TRAINING_STAGE

SECONDS_BETWEEN = 1.0
CHECKPOINTS = "checkpoints"
OF_A_STEP = ("loss", "learning_rate", "grad_norm")


class Steered:
    """What ``ControlCallback`` has to know of a Trainer, and whether it was asked to stop."""

    def __init__(self, can_evaluate: bool) -> None:
        self.ranks = ALONE
        self.eval_dataset: Any = can_evaluate or None
        self.asked: Collection[Control] = ()
        self.requested = False


class TrainingRecorder:
    """Makes a run called ``name``, or after its output folder, and writes its events.

    Every method may raise whatever goes wrong, first of all ``OSError``: whoever calls them lets
    none of it reach the training.
    """

    def __init__(self, name: str | None, args: TrainingArguments) -> None:
        self.run = _new_run(name, Path(str(args.output_dir)))
        self._log = EventWriter(self.run.events_path)
        self._log.write(worker_started())
        self.events = WatchedEvents(self.run, self._log)
        self._stages = Stages(self.events, SECONDS_BETWEEN)
        self._exit = ScriptExit()
        self._heartbeat = Heartbeat(self, self.run.folder)
        self._lock = threading.Lock()
        self._is_over = False
        self._process = os.getpid()
        self._samples_a_step = (
            args.train_batch_size * args.gradient_accumulation_steps * args.world_size
        )
        self._counted = (time.monotonic(), 0)

    def begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        model: nn.Module,
        dataloader: object,
        probes: Sequence[str] | None,
    ) -> None:
        """Tell what begins: ``model`` is trained on the batches of ``dataloader``."""
        facts = TrainerFacts(args, model, dataloader)
        self._probes = ScriptProbes(model, probes, args.device, evaluates=facts.can_evaluate)
        self.events.write(facts.started(state.max_steps, self._probes.sentences))
        if state.global_step:
            note(self.events, f"It goes on from a checkpoint of step {state.global_step:,}.")
        for sentence in self._probes.notes:
            note(self.events, sentence)
        self._steered = Steered(facts.can_evaluate)
        self._controls = Controls(self.run, self.events, hears=args.world_size == 1)
        self._steering = ControlCallback(self._steered, self._controls, self._steered)
        folder = Path(str(args.output_dir)).absolute()
        with suppress(OSError):  # then they are found in the output folder alone
            (self.run.folder / CHECKPOINTS).symlink_to(folder, target_is_directory=True)
        self._heartbeat.gpus = gpus_of(args)
        self._heartbeat.start()
        self._counted = (time.monotonic(), state.global_step)

    def write_note(self, words: str) -> None:
        """Keep ``words`` with the run; one that is too long is told instead."""
        try:
            runnote.write(self.run.folder, words)
        except UserError as error:
            note(self.events, error.sentence)

    def write(self, event: Event) -> None:
        """Take a sign of life; where the training was left meanwhile, that is told instead."""
        if self._exit.was_left():
            self.leave("The training was left before its last step; its program did not tell why.")
        elif not self._is_over:
            self.events.write(event)

    def step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl
    ) -> None:
        """Tell where the training stands; the first call tells that it has begun."""
        self._stages.progress(TRAINING_STAGE, state.global_step, state.max_steps, "steps")
        self._steering.on_step_begin(args, state, control)

    def step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl
    ) -> None:
        """Tell that the last step is taken, and have done what was asked for."""
        if state.global_step == state.max_steps:
            self._stages.progress(TRAINING_STAGE, state.global_step, state.max_steps, "steps")
        self._steered.requested |= "stop" in self._controls.heard()
        self._steering.on_step_end(args, state, control)

    def epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl
    ) -> None:
        """Stop here where that was asked for."""
        self._steering.on_epoch_end(args, state, control)

    def log(self, state: TrainerState, logs: dict[str, Any]) -> None:
        """Tell what is logged: a training's own line as such, all else by its names."""
        found = {name: number(value) for name, value in logs.items() if name != "epoch"}
        values = {name: told(value) for name, value in found.items() if value is not None}
        step, epoch = state.global_step, state.epoch or 0.0
        rate = values.get("learning_rate")
        if rate is not None and values.keys() >= set(OF_A_STEP):
            self.events.write(
                TrainLogged(
                    step=step,
                    epoch=epoch,
                    loss=values["loss"],
                    learning_rate=rate,
                    gradient_norm=values["grad_norm"],
                    samples_per_second=self._speed(step),
                )
            )
            values = {name: each for name, each in values.items() if name not in OF_A_STEP}
        if values:
            values = {name_of(name): each for name, each in values.items()}
            self.events.write(MetricsLogged(step=step, epoch=epoch, values=values))

    def _speed(self, step: int) -> float:
        """The samples a second since the last line, a whole batch counted for each step."""
        now, (then, before) = time.monotonic(), self._counted
        self._counted = (now, step)
        return max(0, step - before) * self._samples_a_step / max(now - then, 1e-9)

    def evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl
    ) -> None:
        """Tell the probes; the clock of the speed leaves the evaluation out."""
        encoded, why_not = self._probes.encoded(state)
        if encoded is not None:
            self.events.write(encoded)
        if why_not is not None:
            note(self.events, why_not)
        self._steering.on_evaluate(args, state, control)
        self._counted = (time.monotonic(), state.global_step)

    def save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl) -> None:
        """Tell of the checkpoint, where it is in the output folder."""
        path = f"{CHECKPOINTS}/checkpoint-{state.global_step}"
        if (self.run.folder / path).is_dir():
            kept = [*Path(str(args.output_dir)).glob("checkpoint-*")]
            self.events.write(
                CheckpointSaved(
                    step=state.global_step,
                    path=path,
                    kept=len(kept),
                    disk_bytes=sum(map(folder_bytes, kept)),
                )
            )
        self._steering.on_save(args, state, control)
        self._counted = (time.monotonic(), state.global_step)

    def end(self, state: TrainerState) -> None:
        """Tell that the Trainer has come to its end, or was asked to."""
        if self._steered.requested and state.global_step < state.max_steps:
            self._finish(RunFinished(outcome="stopped", exit_code=INTERRUPTED))
        else:
            self._finish(RunFinished(outcome="completed", exit_code=FINISHED))

    def leave(self, sentence: str) -> None:
        """Tell that the training was left: what was raised, or ``sentence`` where nobody tells."""
        if os.getpid() == self._process:  # else a fork ends
            self._finish(self._exit.last_word(self.run.folder, sentence))

    def give_up(self, why: str) -> None:
        """Tell that nothing more will be told."""
        self._finish(
            RunFinished(
                outcome="failed",
                exit_code=FAILED,
                error=f"The training may go on, but stplay could record it no further. {why}",
            )
        )

    def _finish(self, finished: RunFinished) -> None:
        with self._lock:
            if self._is_over:
                return
            self._is_over = True
        self._heartbeat.end()
        self.events.write(finished)


def _new_run(name: str | None, output: Path) -> Run:
    """A run called ``name`` if that can be and is free, else the next number of it.

    Raises:
        UserError: the folder cannot be made.
    """
    script = Path(sys.argv[0]).stem if sys.argv else ""
    stem = name or output.name or script
    if name is not None and folders.NAME.fullmatch(name):
        with suppress(UserError):  # it is taken
            return Run.create(None, name, stem)
    return Run.create(None, None, stem)
