"""Probe sentences of a training that stplay did not start, encoded without leaving a trace."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
import torch
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import TrainerState

from stplay.engine.training.probes import Probes
from stplay.engine.training.randomstate import RandomState
from stplay.jobs.events import ProbesEncoded
from stplay.runs.probesentences import CARD_SENTENCES, ProbeSentences
from stplay.text import clipped, printable

# Where they are set, a process has a part of the weights only: alone it would wait for the others.
SHARING = (
    "ACCELERATE_USE_FSDP",
    "ACCELERATE_USE_DEEPSPEED",
    "ACCELERATE_USE_PARALLELISM_CONFIG",
)


class ScriptProbes:
    """``sentences``, or three of the card's, that ``model`` encodes where it ``evaluates``.

    The modules are in training and the random numbers on ``device`` as before. ``notes`` tell what
    to know of them.
    """

    def __init__(
        self,
        model: nn.Module,
        sentences: Sequence[str] | None,
        device: torch.device,
        *,
        evaluates: bool,
    ) -> None:
        self.sentences: list[str] = []
        self.notes: list[str] = []
        self._model, self._device = model, device
        self._probes: Probes | None = None
        wanted = CARD_SENTENCES if sentences is None else [*sentences]
        if not wanted or not evaluates or not isinstance(model, SentenceTransformer):
            return
        if any(os.environ.get(name, "false").lower() in ("true", "1") for name in SHARING):
            self.notes.append(
                "The probe sentences are not encoded, as several processes share the weights."
            )
            return
        try:
            self.sentences = msgspec.convert(wanted, ProbeSentences)
            with self._untouched():
                self._probes = Probes(self.sentences, model, None)
            self.notes += self._probes.notes
        except Exception as error:  # no reason to record nothing else
            self.notes.append(_refused(error))

    def encoded(self, state: TrainerState) -> tuple[ProbesEncoded | None, str | None]:
        """The event that tells them after the step of ``state``, or why there is none any more."""
        if self._probes is None:
            return None, None
        try:
            with self._untouched():
                return self._probes.encoded(state), None
        except Exception as error:
            self._probes = None
            return None, _refused(error)

    @contextmanager
    def _untouched(self) -> Iterator[None]:
        modes = [(module, module.training) for module in self._model.modules()]
        random_state = RandomState(self._device)
        try:
            yield
        finally:
            random_state.put_back()
            for module, is_training in modes:
                module.training = is_training


def _refused(error: Exception) -> str:
    why = clipped(printable(f"{type(error).__name__}: {error}"))
    return f"The probe sentences are not encoded: {why}"
