"""``stplay.StplayCallback``: any Trainer's training as a run, for whoever trains without stplay."""

from __future__ import annotations

import atexit
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from stplay.engine.training.trainingrecorder import TrainingRecorder
from stplay.errors import UserError
from stplay.text import clipped, printable


class StplayCallback(TrainerCallback):
    """Makes a run of each training of a Trainer: its figures, machine, probes, checkpoints and end.

    ``trainer.add_callback(stplay.StplayCallback())`` is all there is to do, for
    ``SentenceTransformerTrainer`` and for transformers' ``Trainer``. The run stands among those of
    stplay and is shown live; ``stplay stop``, ``checkpoint`` and ``evaluate-now`` are heeded after
    a step where one process trains. Of several processes the first one writes.

    Nothing it does can fail the training: at its first failure it says so on stderr, once, and does
    nothing from then on.
    """

    def __init__(
        self, name: str | None = None, probes: Sequence[str] | None = None, note: str | None = None
    ) -> None:
        """``name`` is the run's, else that of the output folder with the next free number.

        At each evaluation a SentenceTransformer encodes the sentences ``probes``, three of its
        model card's without them, none where they are empty. ``note`` is kept with the run.
        """
        self._name, self._probes, self._note = name, probes, note
        self._recorder: TrainingRecorder | None = None
        self._is_silent = False

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Make the run."""
        if state.is_world_process_zero:
            self._safely(lambda: self._begin(args, state, kwargs))

    def _begin(self, args: TrainingArguments, state: TrainerState, given: dict[str, Any]) -> None:
        if self._recorder is not None:
            self._recorder.leave("The training was left, and another one began.")
        self._recorder = None
        self._recorder = recorder = TrainingRecorder(self._name, args)
        recorder.begin(args, state, given["model"], given.get("train_dataloader"), self._probes)
        if self._note:
            recorder.write_note(self._note)
        atexit.register(self._safely, recorder.leave, "The program ended before its training did.")
        run = recorder.run.id
        print(
            f"stplay: This training is the run {run}; see it live with: stplay watch {run}",
            file=sys.stderr,
        )

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell where the training stands."""
        if (recorder := self._recorder) is not None:
            self._safely(recorder.step_begin, args, state, control)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Heed what was asked for."""
        if (recorder := self._recorder) is not None:
            self._safely(recorder.step_end, args, state, control)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Tell what the Trainer logs."""
        if (recorder := self._recorder) is not None:
            self._safely(recorder.log, state, logs or {})

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Encode the probe sentences."""
        if (recorder := self._recorder) is not None:
            self._safely(recorder.evaluate, args, state, control)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell of the checkpoint."""
        if (recorder := self._recorder) is not None:
            self._safely(recorder.save, args, state, control)

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Stop here where that was asked for."""
        if (recorder := self._recorder) is not None:
            self._safely(recorder.epoch_end, args, state, control)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tell that the training has ended."""
        if (recorder := self._recorder) is not None:
            self._safely(recorder.end, state)

    def _safely(self, work: Callable[..., None], *given: Any) -> None:
        """Do ``work``, the only way in which anything of ours is done; what fails is the last."""
        if self._is_silent:
            return
        try:
            work(*given)
        except Exception as error:
            self._is_silent = True
            why = clipped(printable(self._why(error)))
            with suppress(Exception):
                if self._recorder is not None:
                    self._recorder.give_up(why)
            with suppress(Exception):  # a warning could be told to be an error
                print(
                    f"stplay: This training is recorded no further, and goes on. {why}",
                    file=sys.stderr,
                )

    def _why(self, error: Exception) -> str:
        if self._recorder is not None and not self._recorder.run.events_path.exists():
            return f"Its run is gone: there is no {self._recorder.run.events_path}."
        return (
            error.sentence if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
        )
