"""A training does what people ask of it: a checkpoint, an evaluation, a stop."""

from __future__ import annotations

from typing import Any, Protocol

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stplay.engine.training.randomstate import RandomState
from stplay.engine.worker.controls import Controls
from stplay.engine.worker.ranks import Ranks
from stplay.jobs.events import Control

NO_DEV = "There is no evaluation now: the run has no dev data."


class SteeredTrainer(Protocol):
    """What is known of the trainer: the ranks that do the same, and what it evaluates on."""

    ranks: Ranks
    eval_dataset: Any
    asked: set[Control]


class StopWish(Protocol):
    """Whether a stop was asked for."""

    requested: bool


class ControlCallback(TrainerCallback):
    """Heeds ``controls`` and ``stop`` after a step, as all of the ranks do after the same one.

    An evaluation that was asked for leaves the random numbers as they were, so that the run is
    the one that it would have been.
    """

    def __init__(self, trainer: SteeredTrainer, controls: Controls, stop: StopWish) -> None:
        self.trainer, self.controls, self.stop = trainer, controls, stop
        self._told: set[Control] = set()  # to the other ranks
        self._due: set[Control] = set()  # after this step
        self._random_state: RandomState | None = None

    def _asked(self, state: TrainerState) -> set[Control]:
        asked: set[Control] = {each for each in self.controls.heard() if each != "stop"}
        if "evaluation" in asked and self.trainer.eval_dataset is None:
            self.controls.answer("evaluation", state.global_step, NO_DEV)
            asked.remove("evaluation")
        if self.stop.requested:  # by a signal
            asked.add("stop")
        return asked

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Let the other ranks know what is asked for."""
        asked = self._asked(state)
        self.trainer.asked = asked - self._told
        self._told = asked.difference(["stop"])

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Have done after this step what was asked for."""
        self._due = self._heed(state, control)
        if "checkpoint" in self._due:
            control.should_save = True
        if "evaluation" in self._due and not control.should_evaluate:
            control.should_evaluate = True
            self._random_state = RandomState(args.device)

    def _heed(self, state: TrainerState, control: TrainerControl) -> set[Control]:
        heeded = self.trainer.ranks.heeded(self._asked(state))
        if "stop" in heeded:
            control.should_save = control.should_training_stop = True
        return heeded

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell that an evaluation was made; stop after one during which that was asked for."""
        if self._random_state is not None:
            self._random_state.put_back()
            self._random_state = None
        if state.global_step:
            self._answer("evaluation", state)
            self._heed(state, control)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell that a checkpoint is whole."""
        self._answer("checkpoint", state)

    def _answer(self, control: Control, state: TrainerState) -> None:
        if control in self._due:
            self._due.remove(control)
            self._told.discard(control)
            self.controls.answer(control, state.global_step)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop here where that was asked for; after the last epoch, the training is over anyway."""
        if control.should_training_stop or state.global_step >= state.max_steps:
            return
        asked = "stop after epoch" in self.controls.heard(at_once=True)
        if self.trainer.ranks.any(asked):
            control.should_save = control.should_training_stop = self.stop.requested = True
            self.controls.answer("stop after epoch", state.global_step)
