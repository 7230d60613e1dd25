"""That a person wants something evaluated, wherever it was asked for."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from stplay.evaluations.evaluation import Request


@dataclass
class Requested(Message):
    """``request`` is to be evaluated."""

    request: Request
